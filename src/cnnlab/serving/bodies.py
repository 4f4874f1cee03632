"""A request's body, read into memory and never to disk, and no further than the limits go."""

import asyncio

from fastapi import Request
from starlette.requests import ClientDisconnect

from cnnlab.serving.limits import Limits
from cnnlab.serving.problems import Problem

RETRY_SECONDS = 1


class Bodies:
    """Reads bodies, and knows how much of them is in memory.

    Args:
        limits: `body_bytes`, `total_bytes` and `body_seconds` of them.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._held = 0

    async def read(self, request: Request) -> tuple[bytes, int]:
        """Return a body, and the number of bytes to `release` when it is no longer needed.

        Raises:
            Problem: 413, it is too large; 408, it arrives too slowly; 503, too many others are in memory.
        """
        announced = request.headers.get("content-length", "")
        if announced.isdecimal() and int(announced) > self._limits.body_bytes:
            raise self._too_large(f"{int(announced):,} bytes")
        content = bytearray()
        try:
            async with asyncio.timeout(self._limits.body_seconds):
                async for piece in request.stream():
                    if len(content) + len(piece) > self._limits.body_bytes:
                        raise self._too_large("more")
                    if self._held + len(piece) > self._limits.total_bytes:
                        raise Problem(
                            503,
                            "The bodies of other requests fill the memory that there is for them.",
                            retry_after=RETRY_SECONDS,
                            closes=True,
                        )
                    self._held += len(piece)
                    content += piece
            return bytes(content), len(content)
        except TimeoutError:
            self.release(len(content))
            seconds = self._limits.body_seconds
            raise Problem(
                408,
                f"The body must arrive within {seconds:g} s. Received: {len(content):,} bytes.",
                closes=True,
            ) from None
        except ClientDisconnect:
            self.release(len(content))
            raise Problem(400, "The client left before the body was whole.", closes=True) from None
        except BaseException:
            self.release(len(content))
            raise

    def release(self, num_bytes: int) -> None:
        """Say that so much is no longer needed."""
        self._held -= num_bytes

    def _too_large(self, received: str) -> Problem:
        limit = self._limits.body_bytes
        return Problem(413, f"The body must have at most {limit:,} bytes. Received: {received}.", closes=True)
