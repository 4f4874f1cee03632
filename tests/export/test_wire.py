import pytest

from cnnlab.export.wire import read_fields, read_messages, read_text, write_field


def fields(message: bytes) -> list[tuple[int, object]]:
    return [
        (number, value if isinstance(value, int) else bytes(value))
        for number, value, _start in read_fields(memoryview(message))
    ]


def test_what_protobuf_has_written_is_read():
    # By the encoding's own examples: 150 in field 1, "testing" in field 2; then fixed numbers.
    message = b"\x08\x96\x01" + b"\x12\x07testing" + b"\x1d\x01\x00\x00\x00" + b"\x21" + bytes(8)
    assert fields(message) == [(1, 150), (2, b"testing"), (3, b"\x01\x00\x00\x00"), (4, bytes(8))]


@pytest.mark.parametrize("length", [0, 1, 127, 128, 70_000])
def test_what_is_written_is_read(length):
    message = write_field(14, bytes(length)) + write_field(3000, b"x")
    assert fields(message) == [(14, bytes(length)), (3000, b"x")]


def test_text_and_messages_of_one_number():
    message = memoryview(write_field(1, b"a") + write_field(2, "ü".encode()) + write_field(1, b"b"))
    assert [bytes(value) for value in read_messages(message, 1)] == [b"a", b"b"]
    assert read_text(message, 2) == "ü" and read_text(message, 3) == ""


@pytest.mark.parametrize(
    "message",
    [
        b"\x12\x08testing",  # longer than what is there
        b"\x08\xff",  # ends within a number
        b"\x08" + b"\xff" * 11,  # a number without end
        b"\x0b",  # a group, which nobody writes any more
        b"\x02\x00",  # field 0
    ],
)
def test_damage_is_noticed(message):
    with pytest.raises(ValueError):
        fields(message)
