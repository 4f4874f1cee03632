"""The name of a class folder as text."""

import os
from pathlib import Path

from cnnlab.errors import DataError


def class_name(folder: Path) -> str:
    """Return the folder's name as UTF-8 text, also where the locale is another.

    Raises:
        DataError: it is not UTF-8: no file of a run could hold it.
    """
    name = os.fsencode(folder.name)
    try:
        return name.decode()
    except UnicodeDecodeError:
        raise DataError(
            f"{folder}: the name of a class folder must be UTF-8; rename it. Received: {name!r}."
        ) from None
