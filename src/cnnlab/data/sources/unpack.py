"""Reading a file that may be gzipped, never unpacking more of it than was asked for."""

import contextlib
import hashlib
import zlib
from pathlib import Path

from cnnlab.errors import DataError

_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_WBITS = 31  # zlib: expect a gzip header, and verify its checksum at the end
_CHUNK = 1 << 24
_BEST_RATIO = 1032  # deflate cannot pack better than this


class PackedFile:
    """The bytes of one file, as they are or gzipped; which of the two is seen from the content, not the name.

    Raises:
        DataError: the file cannot be read.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._bytes = path.read_bytes()
        except OSError as error:
            raise DataError(f"{path}: cannot be read: {error.strerror or error}.") from None
        self.path = path
        self.is_gzip = self._bytes.startswith(_GZIP_MAGIC)

    def head(self, size: int) -> bytes:
        """Return the first bytes, at most `size` of them."""
        if not self.is_gzip:
            return self._bytes[:size]
        return self._inflate(zlib.decompressobj(_GZIP_WBITS), size)

    def read(self, size: int, *, reason: str) -> bytes:
        """Return the whole content, which must be exactly `size` bytes long.

        Args:
            size: how long the content must be.
            reason: where that number comes from, for messages: "the header says 60000 images".

        Raises:
            DataError: it is shorter or longer, or does not unpack.
        """
        if not self.is_gzip:
            content, is_whole = self._bytes, len(self._bytes) == size
        else:
            # A header that lies must not make us reserve memory: no gzip file can hold more than this.
            if size > _BEST_RATIO * len(self._bytes):
                raise DataError(
                    f"{self.path}: is damaged: {reason}, which a file of this length cannot hold."
                )
            unpacker = zlib.decompressobj(_GZIP_WBITS)
            content = self._inflate(unpacker, size + 1)
            if len(content) <= size and not unpacker.eof:
                raise DataError(
                    f"{self.path}: ends early: it unpacks to {len(content)} of {size} bytes ({reason})."
                )
            is_whole = len(content) == size and not unpacker.unused_data
        if not is_whole:
            found = "more" if len(content) >= size else str(len(content))
            raise DataError(
                f"{self.path}: has the wrong length: {reason}, so {size} bytes. Received: {found}."
            )
        return content

    def sha256_unpacked(self) -> str:
        """Return the sha256 of the content, as far as it unpacks; never holds much of it."""
        if not self.is_gzip:
            return hashlib.sha256(self._bytes).hexdigest()
        digest = hashlib.sha256()
        unpacker = zlib.decompressobj(_GZIP_WBITS)
        rest = self._bytes
        with contextlib.suppress(zlib.error):
            while rest and not unpacker.eof:
                digest.update(unpacker.decompress(rest, _CHUNK))
                rest = unpacker.unconsumed_tail
        return digest.hexdigest()

    def _inflate(self, unpacker: "zlib._Decompress", size: int) -> bytes:
        try:
            return unpacker.decompress(self._bytes, size)
        except zlib.error as error:
            raise DataError(f"{self.path}: does not unpack: {error}.") from None
