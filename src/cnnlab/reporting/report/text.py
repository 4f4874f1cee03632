"""The words of a report in two languages, with the places where facts go."""

import tomllib
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
        self._words = load_words(lang)

    def __call__(self, key: str, **facts: Any) -> str:
        """Return a sentence by its dotted name, with its facts in place."""
        section, name = key.split(".")
        return self._words[section][name].format(**facts)

    def has(self, key: str) -> bool:
        """Tell whether there is such a sentence."""
        section, name = key.split(".")
        return name in self._words.get(section, {})

    def join(self, parts: list[str]) -> str:
        """Return parts as a list within a sentence."""
        return ("、" if self.lang == "zh" else ", ").join(parts)


@cache
def load_words(lang: str) -> dict[str, dict[str, str]]:
    """Return all sentences of a language, by section and name."""
    words = files("cnnlab.reporting.report").joinpath(f"words.{lang}.toml").read_text(encoding="utf-8")
    return tomllib.loads(words)
