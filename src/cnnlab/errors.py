"""Errors that a user can cause, and the exit code each of them ends a command with.

A message is one line: the rule, the value received, the remedy, and the file or field it is about.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class CnnlabError(ValueError):
    """Root of all errors with a cause outside cnnlab's own code."""

    exit_code = 2


class ConfigError(CnnlabError):
    """A recipe, an option or a name is wrong."""


class DataError(CnnlabError):
    """A data file is damaged, or a data set cannot be used as it is."""


class GeometryError(CnnlabError):
    """An image is too small for a network; the message names the layer and the smallest size that works."""


class RunError(CnnlabError):
    """A run folder or a checkpoint is missing a part, damaged, or does not fit what is asked of it."""


class ExportError(CnnlabError):
    """An exported file is damaged, not of cnnlab's making, or does not fit what is asked of it."""


class CheckFailedError(CnnlabError):
    """A check ran to its end and fell short."""

    exit_code = 1


class DivergedError(CheckFailedError):
    """Training met a loss or a weight that is not a finite number."""


class MissingResourceError(CnnlabError):
    """Something the command needs is not on this machine: data, disk space, an extra package, a port."""

    exit_code = 3


class StoppedError(CnnlabError):
    """A signal asked the run to stop; its state is saved.

    Attributes:
        exit_code: 130 after Ctrl-C, 0 after SIGTERM.
    """

    def __init__(self, message: str, *, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def did_you_mean(name: str, known: Iterable[str], *, between: str = ", ") -> str:
    """Return the end of an error message about an unknown name: the nearest known ones, else all of them."""
    names = sorted(set(known))
    near = get_close_matches(name, names, n=3, cutoff=0.6)
    if near:
        return f"Did you mean {' or '.join(repr(match) for match in near)}?"
    return f"Known: {between.join(names)}."
