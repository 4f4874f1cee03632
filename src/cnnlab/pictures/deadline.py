"""A file in memory that ends its reader's patience: decoders ask for it piece by piece."""

import io
import time

BLOCK = 2**12
"""Bytes that a decoder is given at once, so that it comes back often: they hold a hundred scans of a JPEG."""


class TooSlowError(Exception):
    """Reading went on for longer than was allowed."""


class TimedFile(io.BytesIO):
    """Bytes that can be read for a while.

    Args:
        content: the file's.
        seconds: from now on.
    """

    def __init__(self, content: bytes, seconds: float) -> None:
        super().__init__(content)
        self._seconds, self._end = seconds, time.monotonic() + seconds

    def read(self, size: int | None = -1, /) -> bytes:
        """Return the next bytes.

        Raises:
            TooSlowError: the time is over.
        """
        if time.monotonic() > self._end:
            raise TooSlowError(f"it takes longer than {self._seconds:g} s")
        return super().read(size)
