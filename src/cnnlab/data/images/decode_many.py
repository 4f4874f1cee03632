"""Decoding many files: on several threads, some at a time, in their order."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from cnnlab.errors import DataError
from cnnlab.machine import num_cores

_CHUNK = 256
"""Files decoded before the first of them is handed on."""

File = TypeVar("File")
Result = TypeVar("Result")


def decode_many(
    files: Sequence[File], decode: Callable[[File], Result]
) -> Iterator[tuple[File, Result | DataError]]:
    """Decode files in their order; a `DataError` comes in the place of its result.

    Nothing is decoded while the caller has its turn: it meets no filter of warnings but its own.

    Args:
        files: whatever `decode` takes.
        decode: called on several threads. What it returns should be small: some hundreds are held at once.
    """

    def attempt(file: File) -> Result | DataError:
        try:
            return decode(file)
        except DataError as error:
            return error

    with ThreadPoolExecutor(num_cores()) as threads:  # decoders release Python's lock
        for start in range(0, len(files), _CHUNK):
            chunk = files[start : start + _CHUNK]
            yield from zip(chunk, list(threads.map(attempt, chunk)), strict=True)
