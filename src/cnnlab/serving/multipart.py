"""`multipart/form-data` (RFC 7578), taken apart in memory: Starlette would put files on the disk."""

import logging
from dataclasses import dataclass

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from cnnlab.serving.problems import Problem

# It tells of every malformed body, which would let clients fill the log.
logging.getLogger("python_multipart").addHandler(logging.NullHandler())

_MOST_HEADER = 4096
"""Bytes of one part's header."""


@dataclass(frozen=True)
class Part:
    """A field of the form.

    Attributes:
        name: of the field; a file's own name is not looked at.
        content: as it was sent.
    """

    name: str
    content: bytes


class _Collector:
    """Puts together what the parser reports in pieces."""

    def __init__(self, most: int) -> None:
        self.parts: list[Part] = []
        self.is_whole = False
        self._most = most

    def on_part_begin(self) -> None:
        if len(self.parts) >= self._most:
            raise Problem(413, f"The body must have at most {self._most} parts.", field="images")
        self._content, self._name = bytearray(), ""
        self._header, self._value = bytearray(), bytearray()

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]
        self._check_header()

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]
        self._check_header()

    def on_header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            _kind, options = parse_options_header(bytes(self._value))
            self._name = options.get(b"name", b"").decode(errors="replace")
        self._header, self._value = bytearray(), bytearray()

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        self._content += data[start:end]

    def on_part_end(self) -> None:
        self.parts.append(Part(self._name, bytes(self._content)))

    def on_end(self) -> None:
        self.is_whole = True

    def _check_header(self) -> None:
        if len(self._header) + len(self._value) > _MOST_HEADER:
            raise Problem(422, f"A part's header must have at most {_MOST_HEADER} bytes.", field="body")


def read_parts(body: bytes, content_type: str, *, most: int) -> list[Part]:
    """Return the parts of a body, in their order.

    Args:
        body: whole.
        content_type: of the request's header, with the boundary.
        most: parts that it may have.

    Raises:
        Problem: 422, it cannot be taken apart, or ends early; 413, it has more parts.
    """
    _kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary", b"")
    if not 1 <= len(boundary) <= 70:  # as RFC 2046 has it
        raise Problem(
            422, "multipart/form-data must state a boundary of 1 to 70 characters.", field="Content-Type"
        )
    found = _Collector(most)
    callbacks = {
        name: getattr(found, name)
        for name in (
            "on_part_begin",
            "on_part_data",
            "on_part_end",
            "on_header_field",
            "on_header_value",
            "on_header_end",
            "on_end",
        )
    }
    try:
        parser = MultipartParser(boundary, callbacks)  # pyright: ignore[reportArgumentType]
        parser.write(body)
        parser.finalize()
    except FormParserError as error:
        raise Problem(422, f"The body is no whole multipart/form-data: {error}.", field="body") from None
    if not found.is_whole:
        raise Problem(422, "The body ends before its last boundary.", field="body")
    return found.parts
