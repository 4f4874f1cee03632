"""A disk that fails, or a process that dies, at a chosen one of the calls that change files.

The calls are caught where Python hands them to the system: `write` of an open file, `os.fsync`, `os.rename`.
"""

import errno
import io
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

OnCall = Callable[[int, str], None]
CALLS = ("mkdir", "rename", "replace", "fsync", "unlink", "rmdir", "truncate")


class _CountedFile:
    """A file open for writing whose writes are counted; a write that fails has written the first half."""

    def __init__(self, file: Any, on_call: Callable[[str], None]) -> None:
        self._file, self._on_call = file, on_call

    def write(self, content: Any) -> int:
        half = len(content) // 2
        self._file.write(content[:half])
        self._file.flush()
        self._on_call("write")
        return half + self._file.write(content[half:])

    def __enter__(self) -> "_CountedFile":
        return self

    def __exit__(self, *details: object) -> None:
        self._file.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


@contextmanager
def watched_disk(on_call: OnCall) -> Iterator[list[str]]:
    """Tell `on_call` the number (from 0) and the name of each call, before it is made; yield the names."""
    calls: list[str] = []

    def note(name: str) -> None:
        calls.append(name)
        on_call(len(calls) - 1, name)

    def counted(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            note(name)
            return real(*args, **kwargs)

        return call

    def open_counted(file: Any, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        if not set(mode) & set("wax+"):
            return real_open(file, mode, *args, **kwargs)
        note("open")
        return _CountedFile(real_open(file, mode, *args, **kwargs), note)

    real_open = io.open
    with ExitStack() as stack:
        for name in CALLS:
            stack.enter_context(patch.object(os, name, counted(name, getattr(os, name))))
        stack.enter_context(patch.object(io, "open", open_counted))
        yield calls


def fail_at(chosen: int, code: int = errno.ENOSPC, *, forever: bool = True) -> OnCall:
    """Fail from the chosen call on (a full disk stays full), or at that call alone.

    Removing something works on a full disk, and so does opening a folder to flush it.
    """

    def on_call(number: int, name: str) -> None:
        can_fail = forever is False or name not in ("unlink", "rmdir", "truncate")
        if (number >= chosen if forever else number == chosen) and can_fail:
            raise OSError(code, os.strerror(code))

    return on_call


def die_at(chosen: int) -> OnCall:
    """Kill this process at the chosen call, as `kill -9` does."""

    def on_call(number: int, name: str) -> None:
        if number == chosen:
            os.kill(os.getpid(), signal.SIGKILL)

    return on_call


def count(number: int, name: str) -> None:
    """Let every call through."""


def files_under(folder: Path) -> dict[str, bytes]:
    """Return the content of every file under a folder, by its name relative to it."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
