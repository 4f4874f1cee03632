"""Standard output and error as they may be: full, closed, of any encoding, with a reader that has left."""

import io
import os
import select
import sys
from typing import TYPE_CHECKING, TextIO

from cnnlab.errors import CnnlabError, MissingResourceError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class ReaderLeftError(CnnlabError):
    """Whoever read standard output has seen enough (`| head`): nothing failed, nothing more can be said."""

    exit_code = 0


def prepare_streams() -> None:
    """Make printing safe: no character breaks it, and what goes wrong on the way is one of our errors."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:  # closed: the next file to be opened would take its place, and get what is printed
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    sys.stdout = _prepared(sys.stdout, _Results)
    sys.stderr = _prepared(sys.stderr, _Messages)


class _Stream(io.FileIO):
    """Writes everything, also where standard output was left non-blocking by another process."""

    def write(self, data: "ReadableBuffer", /) -> int:
        while (written := super().write(data)) is None:
            select.select([], [self], [])
        return written


class _Results(_Stream):
    """Standard output: what cannot be written is an error, once: Python's last flush is in silence."""

    _is_broken = False

    def write(self, data: "ReadableBuffer", /) -> int:
        if self._is_broken:
            return memoryview(data).nbytes
        try:
            return super().write(data)
        except BrokenPipeError:
            self._is_broken = True
            raise ReaderLeftError from None
        except OSError as error:
            self._is_broken = True
            raise MissingResourceError(f"standard output: cannot be written: {error.strerror}.") from None


class _Messages(_Stream):
    """Standard error: where it cannot be written, the exit code must say it all."""

    def write(self, data: "ReadableBuffer", /) -> int:
        try:
            return super().write(data)
        except OSError:
            return memoryview(data).nbytes


def _prepared(stream: TextIO | None, kind: type[_Stream]) -> TextIO:
    if stream is None:  # it was closed
        return open(os.devnull, "w", encoding="utf-8", errors="backslashreplace")
    if not isinstance(stream, io.TextIOWrapper):
        return stream
    stream.reconfigure(errors="backslashreplace")
    if stream not in (sys.__stdout__, sys.__stderr__):
        return stream  # put there by whoever called us
    stream.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(kind(stream.fileno(), "w", closefd=False)),
        encoding=stream.encoding,
        errors="backslashreplace",
        line_buffering=stream.line_buffering or stream.write_through,
    )
