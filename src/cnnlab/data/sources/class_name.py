"""The name of a class folder as text."""

import os
import unicodedata
from pathlib import Path

from cnnlab.errors import DataError


def class_name(folder: Path) -> str:
    """Return the folder's name as UTF-8 text, also where the locale is another.

    Raises:
        DataError: it is not UTF-8, or has control characters: files of a run, and reports, cannot hold it.
    """
    raw = os.fsencode(folder.name)
    try:
        name = raw.decode()
    except UnicodeDecodeError:
        raise DataError(
            f"{folder}: the name of a class folder must be UTF-8; rename it. Received: {raw!r}."
        ) from None
    if any(unicodedata.category(letter) in ("Cc", "Zl", "Zp") or letter in "\ufffe\uffff" for letter in name):
        raise DataError(
            f"{folder}: the name of a class folder must be one line, without control characters; rename it. "
            f"Received: {name!r}."
        )
    return name
