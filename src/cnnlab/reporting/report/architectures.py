"""Why each network of the registry is built as it is, and the papers it comes from.

A sentence may depend on the network's arguments, so that a run without dropout is not told to have it.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from cnnlab.models import model_info
from cnnlab.reporting.text import Text

SMALL_IMAGES = {20, 32, 44, 56, 110}
"""Depths of the residual networks for images of 32 pixels."""
DEEPEST_BASIC = 34
"""Deeper ones for photographs have bottleneck blocks."""


@dataclass(frozen=True)
class Architecture:
    """What is told of a network.

    Attributes:
        why: why it is built so.
        here: in what the form here differs, or what is special about it.
        papers: keys of references.
    """

    why: str
    here: str
    papers: tuple[str, ...]


def architecture(network: str, lang: str, arguments: Mapping[str, Any] | None = None) -> Architecture | None:
    """Return what is told of a network of the registry; None of one that somebody added.

    Args:
        network: its name.
        lang: `en` or `zh`.
        arguments: of the network, where they are not its defaults.
    """
    told = told_of(network, lang)
    if told is None:
        return None
    values = {**model_info(network).arguments, **(arguments or {})}
    text = Text(lang)
    why, here = (text.flow(_that_hold(told[part], values)) for part in ("why", "here"))
    return Architecture(why, here, tuple(_that_hold(told["papers"], values)))


def told_of(network: str, lang: str) -> dict[str, Any] | None:
    """Return all sentences on a network, each as it is or as a table of `says` and what it depends on."""
    return _load(f"architectures.{lang}.toml").get(form_of(network))


def _that_hold(sentences: Sequence[str | dict[str, Any]], values: Mapping[str, Any]) -> list[str]:
    """Return the sentences that are true of a network with these arguments."""
    kept = []
    for sentence in sentences:
        if isinstance(sentence, str):
            kept.append(sentence)
        elif all(_is(values.get(key), wanted) for key, wanted in sentence.items() if key != "says"):
            kept.append(sentence["says"])
    return kept


def _is(value: Any, wanted: Any) -> bool:
    """Tell whether an argument has a value; true and false also stand for a chance above 0 and for 0."""
    return bool(value) is wanted if isinstance(wanted, bool) else value == wanted


def form_of(network: str) -> str:
    """Return which networks share a text: residual ones of the same blocks, every other by itself."""
    found = re.fullmatch(r"(preact_)?resnet(\d+)", network)
    if not found:
        return network
    depth, family = int(found[2]), "preact" if found[1] else "resnet"
    if depth in SMALL_IMAGES:
        return f"{family}_cifar"
    return f"{family}_{'basic' if depth <= DEEPEST_BASIC else 'bottleneck'}"


def reference(key: str) -> str:
    """Return a source, as a list of references has it."""
    return _load("references.toml")[key]


@cache
def _load(name: str) -> dict:
    return tomllib.loads(files("cnnlab.reporting.report").joinpath(name).read_text(encoding="utf-8"))
