"""Why each network of the registry is built as it is, and the papers it comes from."""

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

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


def architecture(network: str, lang: str) -> Architecture | None:
    """Return what is told of a network of the registry, in a language; None of one that somebody added."""
    told = _load(f"architectures.{lang}.toml").get(form_of(network))
    return told and Architecture(told["why"], told["here"], tuple(told["papers"]))


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
