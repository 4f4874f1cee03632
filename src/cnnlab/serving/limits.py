"""What the server takes at most: so no request, and no number of them, costs more than is known before."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

from cnnlab.errors import ConfigError, did_you_mean

_MOST = 10**12
_INSIDE = (("images", "queue"), ("body_bytes", "total_bytes"))
"""Of two limits the first must not be above the second, or some requests could never be answered."""


@dataclass(frozen=True)
class Limits:
    """Bounds of one server process.

    Attributes:
        body_bytes: of one request's body.
        total_bytes: of all bodies that are in memory at one time.
        images: in one request.
        pixels: of one image; larger ones are refused by their header, before anything is decoded.
        queue: images of one network that are decoded or waiting; above it requests are answered with 503.
        batch: images that a network is given at once.
        connections: open at one time; above it they are answered with 503 and closed.
        header_seconds: for a request's header to arrive.
        body_seconds: for a body to arrive.
        send_seconds: for a client to take an answer, or so much of it that more can be sent.
        decode_seconds: for decoding one image.
        answer_seconds: from a whole body to an answer.
        explain_seconds: for explaining an answer, the start of the process that does it included.
        stop_seconds: in which requests under way are answered after SIGTERM.
        decode_threads: that decode and prepare images.
    """

    body_bytes: int = 16 * 2**20
    total_bytes: int = 128 * 2**20
    images: int = 32
    pixels: int = 2**24
    queue: int = 256
    batch: int = 32
    connections: int = 512
    header_seconds: float = 10
    body_seconds: float = 10
    send_seconds: float = 10
    decode_seconds: float = 5
    answer_seconds: float = 10
    explain_seconds: float = 30
    stop_seconds: int = 10
    decode_threads: int = 2

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not 0 < value <= _MOST:
                shown = f"{value:g}" if isinstance(value, float) else str(value)[:20]
                raise ConfigError(f"{field.name}: must be above 0, and at most {_MOST:,}. Received: {shown}.")
        for small, large in _INSIDE:
            if getattr(self, small) > getattr(self, large):
                raise ConfigError(
                    f"{small}: must be at most {large}, {getattr(self, large)}, or some requests could never "
                    f"be answered. Received: {getattr(self, small)}."
                )

    @classmethod
    def from_texts(cls, texts: Sequence[str], *, option: str = "--limit") -> Self:
        """Return the limits with some of them as `NAME=VALUE`; of two of one name the last counts.

        Raises:
            ConfigError: there is no such limit, its value is no number or out of its range, or two of them do
                not fit together; the message begins with the option.
        """
        whole = {field.name: field.type is int for field in fields(cls)}
        values: dict[str, Any] = {}
        for text in texts:
            name, equals, value = (part.strip() for part in text.partition("="))
            if not equals or not name:
                raise ConfigError(f"{option}: takes NAME=VALUE, such as images=8. Received: {text!r}.")
            if name not in whole:
                hint = did_you_mean(name, whole)
                raise ConfigError(f"{option}: there is no limit {name!r}. {hint}")
            try:
                values[name] = int(value) if whole[name] else float(value)
            except ValueError:
                kind = "a whole number" if whole[name] else "a number"
                raise ConfigError(f"{option}: {name}: must be {kind}. Received: {value!r}.") from None
        try:
            return cls(**values)
        except ConfigError as error:
            raise ConfigError(f"{option}: {error}") from None
