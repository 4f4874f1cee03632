"""The words of a report and of its pictures in two languages, with the places where facts go."""

import tomllib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

LANGUAGES = ("en", "zh")


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


ENGLISH = Text("en")
