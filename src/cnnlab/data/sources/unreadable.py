"""Images of a folder that cannot be read: named and skipped, or refused."""

from collections.abc import Callable, Sequence
from pathlib import Path

from cnnlab.errors import DataError

MAX_NAMED = 10
"""Of them, that are named one by one; all of them are counted."""


def report_unreadable(
    root: Path, unreadable: Sequence[Sequence[str]], *, strict: bool, warn: Callable[[str], None]
) -> None:
    """Name what was skipped, and count it; refuse it if strict."""
    if strict and unreadable:
        raise refusal(unreadable[0][1])
    for _path, reason in unreadable[:MAX_NAMED]:
        warn(f"skipped: {reason}")
    if unreadable:
        warn(f"{root}: unreadable images that were skipped: {len(unreadable)}")


def refusal(reason: str) -> DataError:
    """Return the error about an unreadable file where none is to be skipped."""
    return DataError(
        f"{reason} Repair or remove it; or let it be skipped: without --strict, or data.strict = false."
    )
