"""What the server takes at most: so no request, and no number of them, costs more than is known before."""

from dataclasses import dataclass, fields

from cnnlab.errors import ConfigError


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
        body_seconds: for a body to arrive.
        answer_seconds: from a whole body to an answer.
        stop_seconds: in which requests under way are answered after SIGTERM.
        decode_threads: that decode and prepare images.
    """

    body_bytes: int = 16 * 2**20
    total_bytes: int = 128 * 2**20
    images: int = 32
    pixels: int = 2**24
    queue: int = 256
    batch: int = 32
    body_seconds: float = 10
    answer_seconds: float = 10
    stop_seconds: int = 10
    decode_threads: int = 2

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not value > 0:
                raise ConfigError(f"{field.name}: must be above 0. Received: {value}.")
        for small, large in (("images", "queue"), ("body_bytes", "total_bytes")):
            if getattr(self, small) > getattr(self, large):
                raise ConfigError(
                    f"{small}: must be at most {large}, {getattr(self, large)}, or some requests could never "
                    f"be answered. Received: {getattr(self, small)}."
                )
