"""Protocol Buffers as they lie in a file: field after field, read without a schema and without copies.

Enough to look into an ONNX file before any library is given it. Source: the encoding's own description,
https://protobuf.dev/programming-guides/encoding/.
"""

from collections.abc import Iterator

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
"""Wire types: how a field's value is written."""

_FIXED_BYTES = {FIXED64: 8, FIXED32: 4}


def read_fields(message: memoryview) -> Iterator[tuple[int, memoryview | int, int]]:
    """Give the fields of a message in their order: number, value, and where the field begins.

    Values are whole numbers where they are written as such, else the bytes.

    Raises:
        ValueError: the message is damaged.
    """
    place, end = 0, len(message)
    while place < end:
        start = place
        tag, place = _read_varint(message, place)
        number, wire_type = tag >> 3, tag & 7
        if wire_type == VARINT:
            value, place = _read_varint(message, place)
            yield number, value, start
            continue
        if wire_type == LENGTH:
            length, place = _read_varint(message, place)
        elif wire_type in _FIXED_BYTES:
            length = _FIXED_BYTES[wire_type]
        else:
            raise ValueError(f"a field of unknown kind at byte {start}")
        if not number or length > end - place:
            raise ValueError(f"a field at byte {start} goes beyond the end")
        yield number, message[place : place + length], start
        place += length


def read_messages(message: memoryview, number: int) -> Iterator[memoryview]:
    """Give the values of the fields of one number, which are messages, text or bytes.

    Raises:
        ValueError: the message is damaged, or the field has another form.
    """
    for found, value, _start in read_fields(message):
        if found == number:
            if isinstance(value, int):
                raise ValueError(f"field {number} is a number")
            yield value


def read_text(message: memoryview, number: int) -> str:
    """Return the text in a field, the last one if there are several; empty if there is none."""
    text = ""
    for value in read_messages(message, number):
        text = bytes(value).decode()
    return text


def write_field(number: int, value: bytes) -> bytes:
    """Return a field that holds a message, text or bytes."""
    return _varint(number << 3 | LENGTH) + _varint(len(value)) + value


def _read_varint(message: memoryview, place: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if place >= len(message):
            raise ValueError("it ends within a number")
        byte = message[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
    raise ValueError(f"a number of more than 10 bytes before byte {place}")


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
