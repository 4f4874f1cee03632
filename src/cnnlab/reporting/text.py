"""The words of a report and of its pictures in two languages, with the places where facts go."""

import re
import tomllib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

LANGUAGES = ("en", "zh")
CHINESE_SIGNS = {" ": "", ", ": "，", "; ": "；", ": ": "："}  # noqa: RUF001 # they bring their own blank


class Text:
    """The sentences of one language.

    Args:
        lang: `en` or `zh`.
    """

    def __init__(self, lang: str) -> None:
        assert lang in LANGUAGES, lang
        self.lang = lang

    def __call__(self, key: str, **facts: Any) -> str:
        """Return a sentence by its dotted name, with its facts in place."""
        section, name = key.split(".")
        return load_words(self.lang)[section][name].format(**facts)

    @property
    def html_lang(self) -> str:
        """Return the language as pages name it."""
        return "zh-Hans" if self.lang == "zh" else "en"

    def sign(self, sign: str) -> str:
        """Return what stands between parts, as its language writes it: a blank, `, `, `; ` or `: `."""
        return CHINESE_SIGNS[sign] if self.lang == "zh" else sign

    def flow(self, sentences: Sequence[str]) -> str:
        """Return sentences one after the other; no blank follows a Chinese full stop."""
        return self.sign(" ").join(sentence for sentence in sentences if sentence)

    def join(self, parts: Sequence[str]) -> str:
        """Return parts as a list within a sentence."""
        return ("、" if self.lang == "zh" else ", ").join(parts)

    def names(self, parts: Sequence[str]) -> str:
        """Return names as a list that ends with `and`."""
        if len(parts) < 2:
            return "".join(parts)
        return f"{self.join(parts[:-1])}{' 和 ' if self.lang == 'zh' else ' and '}{parts[-1]}"


@cache
def load_words(lang: str) -> dict[str, dict[str, str]]:
    """Return all sentences of a language, by section and name."""
    words = files("cnnlab.reporting").joinpath(f"words.{lang}.toml").read_text(encoding="utf-8")
    return tomllib.loads(words.replace(" %", "\u00a0%"))  # a number and its sign stay on one line


def broken_into_lines(words: str, most: int) -> str:
    """Return a text with line breaks, between words and between Chinese letters.

    Args:
        words: one paragraph.
        most: Latin letters in a line; a Chinese one takes the room of two.
    """
    lines, used = [""], 0
    # A sign of punctuation stays with the letter before it.
    pieces = r"[⺀-〿㐀-鿿＀-￯][，。：；、）]*|[^ ⺀-鿿＀-￯]+ *| +"  # noqa: RUF001 # Chinese signs are meant
    for piece in re.findall(pieces, words):
        long = sum(2 if ord(letter) >= 0x2E80 else 1 for letter in piece.rstrip())
        if used and used + long > most:
            lines, used = [*lines, ""], 0
        lines[-1] += piece
        used += long + len(piece) - len(piece.rstrip())
    return "\n".join(line.rstrip() for line in lines)


ENGLISH = Text("en")
