"""Files that are whole or not there: written under another name, flushed to the disk, then renamed."""

import errno
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from cnnlab.errors import MissingResourceError


def write_bytes(path: Path, content: bytes) -> None:
    """Replace a file as one step: whoever reads it sees the old content or the new, never a part.

    Raises:
        MissingResourceError: the disk is full or does not let itself be written; the old file is untouched.
    """
    with write_errors_explained(path, needed=len(content)):
        temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        try:
            with temporary.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)


def write_json(path: Path, value: Any) -> None:
    """Write indented JSON as `write_bytes` does; floats keep every bit."""
    write_bytes(path, (json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode())


def make_writable(folder: Path, *, needed: int = 0) -> None:
    """Make a folder and try to write there, before anything is computed for it.

    Args:
        folder: made with its parents if it is not there.
        needed: bytes that are tried.

    Raises:
        NotADirectoryError: a file has its name, or that of one of its parents.
        MissingResourceError: the disk is full or does not let itself be written.
    """
    with write_errors_explained(folder, needed=needed):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            is_in_the_way = True
        else:
            is_in_the_way = False
            with TemporaryFile(dir=folder) as file:
                file.write(bytes(needed))
                file.flush()
                os.fsync(file.fileno())
    if is_in_the_way:
        raise NotADirectoryError(f"must be a folder. Received a file, or a place in one: {folder}.")


def sync_folder(folder: Path) -> None:
    """Make renames inside a folder survive a power cut."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # as some network folders answer
            raise
    finally:
        os.close(descriptor)


@contextmanager
def write_errors_explained(path: Path, *, needed: int) -> Iterator[None]:
    """Turn what a disk refuses into one line that says where and why, and if it is full, how much is needed.

    Args:
        path: that is written.
        needed: bytes; 0 where that is not known.

    Raises:
        MissingResourceError: the disk is full, over its quota, write-protected or broken.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise MissingResourceError(f"{path}: cannot be written: {error.strerror or error}.") from None
        # A run has its config beside the file, or above it where it is a checkpoint's.
        is_of_a_run = any((place / "config.toml").is_file() for place in path.parents[:2])
        remedy = "free some space, then go on with `cnnlab resume`" if is_of_a_run else "free some space"
        asked = f"{needed / 1e6:.1f} MB needed, " if needed else ""
        free = shutil.disk_usage(next(place for place in path.parents if place.exists())).free
        raise MissingResourceError(
            f"{path}: the disk is full: {asked}{free / 1e6:.1f} MB free. "
            f"Nothing saved before is lost; {remedy}."
        ) from None
