"""Where compiled kernels are kept, and whether what lies there is what was put there, by nobody else."""

import hashlib
import os
import stat
from pathlib import Path

from cnnlab import machine

FOR_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def own_folder() -> Path:
    """Return a folder that nobody but its owner can write to: in the cache, else in the user's own cache.

    What lies in it is loaded into the process, so that a cache which several people share will not do.

    Raises:
        OSError: there is none, and none can be made.
    """
    for cache in (machine.cache_folder(), machine.users_cache_folder()):
        folder = cache / "kernels"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if _is_own(folder):
            return folder
    raise PermissionError(f"{folder} belongs to somebody else")


def is_sound(path: Path) -> bool:
    """Tell whether a file is there, whole as it was kept, and nobody else's."""
    try:
        return path.is_file() and _is_own(path) and _sum_of(path).read_text() == _digest(path)
    except (OSError, UnicodeDecodeError):
        return False


def keep(made: Path, path: Path) -> None:
    """Move a finished file to its place in the same file system, with its sum beside it.

    Of processes that do so at once the last one wins; in between the sum may be that of another one's file,
    which is then compiled once more.
    """
    made_sum = _sum_of(made)
    made_sum.write_text(_digest(made))
    for each in (made, made_sum):
        with each.open("rb+") as file:
            os.fsync(file.fileno())  # a power cut must not leave a name without its content
    os.replace(made, path)
    os.replace(made_sum, _sum_of(path))


def _is_own(path: Path) -> bool:
    """Tell whether it belongs to this user or to root; from now on nobody else can write to it."""
    if not hasattr(os, "geteuid"):  # Windows keeps users' folders apart by itself
        return True
    status = path.stat()
    if status.st_uid == os.geteuid() and status.st_mode & FOR_OTHERS:
        path.chmod(stat.S_IMODE(status.st_mode) & ~FOR_OTHERS)
        return True
    return status.st_uid in (os.geteuid(), 0) and not status.st_mode & FOR_OTHERS


def _sum_of(path: Path) -> Path:
    return path.with_suffix(".sha256")


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
