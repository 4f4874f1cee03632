"""Processes that do the same work at once: one does it, the others wait and find it done."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows has no flock; there work may be done twice
    fcntl = None


@contextlib.contextmanager
def alone_in(folder: Path, name: str) -> Iterator[None]:
    """Hold a folder's lock of a name; waits for the process that holds it.

    On file systems without locks nothing is held: what is written must be sound without.

    Args:
        folder: exists, and can be written to.
        name: of the lock file, which stays.

    Raises:
        OSError: the file cannot be made.
    """
    if fcntl is None:
        yield
        return
    with (folder / name).open("w") as lock:
        with contextlib.suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
