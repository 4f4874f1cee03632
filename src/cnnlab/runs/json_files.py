"""JSON files of a run, read with suspicion: what is wrong with one is said in a line that names it."""

import json
from pathlib import Path
from typing import Any

from cnnlab.errors import RunError
from cnnlab.runs.contents import Content, what_is_wrong


def read_json(path: Path, content: type[Content], *, remedy: str) -> dict[str, Any] | None:
    """Return what a file holds; None where there is none.

    Args:
        path: the file.
        content: what it must hold.
        remedy: what to do about a damaged one.

    Raises:
        RunError: it is damaged, cannot be read, or is no file.
    """
    content_bytes = _bytes_of(path)
    if content_bytes is None:
        return None
    try:
        values = json.loads(content_bytes.decode())
    except (ValueError, RecursionError) as error:
        raise RunError(f"{path}: damaged: {error}. {remedy}") from None
    if wrong := what_is_wrong(values, content):
        raise RunError(f"{path}: damaged: {wrong}. {remedy}")
    return values


def read_json_lines(path: Path, content: type[Content], *, remedy: str) -> list[dict[str, Any]]:
    """Return the lines of a file, none where there is no file; a torn last line is left out.

    Args:
        path: the file.
        content: what each line must hold.
        remedy: what to do about a damaged one.

    Raises:
        RunError: a line is damaged, or it cannot be read, or is no file.
    """
    *lines, _torn = (_bytes_of(path) or b"").decode(errors="replace").split("\n")
    try:
        values = [json.loads(line) for line in lines]
    except (ValueError, RecursionError) as error:
        raise RunError(f"{path}: damaged: a line is not JSON: {error}. {remedy}") from None
    for number, line in enumerate(values, start=1):
        if wrong := what_is_wrong(line, content):
            raise RunError(f"{path}: damaged: line {number}: {wrong}. {remedy}")
    return values


def _bytes_of(path: Path) -> bytes | None:
    """Return what is in a file; None where there is none."""
    try:
        return path.read_bytes() if is_there(path) else None
    except OSError as error:  # nothing is known to be wrong with it
        raise RunError(f"{path}: cannot be read: {error.strerror}. Make it readable.") from None


def is_there(path: Path) -> bool:
    """Tell whether a file is there; refuse what is none, such as a pipe, at which one would wait for ever.

    Raises:
        RunError: it is something else.
    """
    if path.exists() and not path.is_file():
        raise RunError(f"{path}: must be a file. Remove what is there.")
    return path.exists()
