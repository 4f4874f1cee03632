"""Values as Python callers hand them over: made plain before they are checked, and shown in messages."""

import numbers
import operator
import os
from typing import Any

MAX_SHOWN = 80  # characters of a wrong value


def plain(value: Any) -> Any:
    """Return a value with Python's own types for numbers (NumPy has others), text for paths, lists and dicts.

    What is none of these stays as it is, to be refused by whoever checks it.
    """
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    try:
        return operator.index(value)
    except TypeError:
        return float(value) if isinstance(value, numbers.Real) else value


def shown(value: Any) -> str:
    """Return a wrong value for a message: what Python calls it, cut where it is long."""
    try:
        text = repr(value)
    except ValueError:  # Python writes no number of more than 4300 digits
        text = "a number of thousands of digits"
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."
