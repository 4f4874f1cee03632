"""Clients that ask a server as fast as it answers: how long one waits, and how many requests it answers.

Each client has one connection and one request under way; the next one is sent when the last byte of an answer
has come. So the number of clients is that of requests at once, and a slow server is asked less often.
"""

import asyncio
import io
import json
import math
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import numpy as np
from PIL import Image, ImageDraw

NUM_IMAGES = 64
LEAST_SIZE = 28
"""Pixels in which a digit can be drawn that is found again."""
_ANSWER_SECONDS = 30.0
_PERCENTILES = (50, 95, 99)


@dataclass(frozen=True)
class Load:
    """What a number of clients have seen.

    Attributes:
        clients: requests at once.
        seconds: of each request that was answered with 200, from its first byte sent to its answer's last.
        failures: how often each thing went wrong, in words.
        duration: seconds from the first request to the last answer.
    """

    clients: int
    seconds: tuple[float, ...]
    failures: dict[str, int]
    duration: float

    @property
    def requests_per_s(self) -> float:
        """Requests that were answered, over the whole time."""
        return len(self.seconds) / self.duration

    @property
    def num_failed(self) -> int:
        """Requests without an answer, or with another one than 200."""
        return sum(self.failures.values())

    def percentile(self, percent: float) -> float:
        """Return the seconds within which so many percent were answered (the nearest rank)."""
        if not self.seconds:
            return math.inf
        return sorted(self.seconds)[max(0, math.ceil(percent / 100 * len(self.seconds)) - 1)]

    def as_dict(self) -> dict[str, Any]:
        """Return everything for JSON, without the single requests; times are in seconds."""
        has_any = bool(self.seconds)
        times = {f"p{percent}_s": self.percentile(percent) if has_any else None for percent in _PERCENTILES}
        return {
            "clients": self.clients,
            "requests": len(self.seconds) + self.num_failed,
            "failed": self.num_failed,
            "failures": self.failures,
            "requests_per_s": self.requests_per_s,
            **times,
            "longest_s": max(self.seconds, default=None),
            "duration_s": self.duration,
        }


def drawn_images(size: int, *, number: int = NUM_IMAGES) -> list[bytes]:
    """Return PNGs of `size` x `size` pixels: strokes as of a digit on uneven paper, each another."""
    rng = np.random.default_rng(0)
    files = []
    for _ in range(number):
        paper = rng.integers(225, 256, (size, size, 3), dtype=np.uint8)
        image = Image.fromarray(paper)
        points = np.sort(rng.uniform(0.25, 0.75, (4, 2)) * size, axis=0)
        draw = ImageDraw.Draw(image)
        draw.line([tuple(point) for point in points], fill=(20, 20, 40), width=max(2, size // 10))
        file = io.BytesIO()
        image.save(file, "PNG")
        files.append(file.getvalue())
    return files


def request_of(image: bytes, *, host: str, port: int, network: str) -> bytes:
    """Return the bytes of a request that asks for the most probable label of one image."""
    return (
        f"POST /v1/predict?network={quote(network, safe='')}&top_k=1 HTTP/1.1\r\nHost: {host}:{port}\r\n"
        f"Content-Type: application/octet-stream\r\nContent-Length: {len(image)}\r\n\r\n"
    ).encode() + image


def put_load(host: str, port: int, requests: Sequence[bytes], *, clients: int, number: int) -> Load:
    """Send requests, and measure.

    Args:
        host: an address.
        port: of the server.
        requests: complete; they are sent in turn, over and over.
        clients: requests at once.
        number: requests in all.
    """
    return asyncio.run(_put_load(host, port, requests, clients, number))


async def _put_load(host: str, port: int, requests: Sequence[bytes], clients: int, number: int) -> Load:
    left = iter(range(number))
    seconds: list[float] = []
    failures: Counter[str] = Counter()

    async def ask() -> None:
        client = _Client(host, port)
        for index in left:
            start = time.perf_counter()
            failure = await client.ask(requests[index % len(requests)])
            if failure:
                failures[failure] += 1
            else:
                seconds.append(time.perf_counter() - start)
        client.close()

    start = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(clients):
            group.create_task(ask())
    return Load(clients, tuple(seconds), dict(failures), time.perf_counter() - start)


class _Client(asyncio.Protocol):
    """One connection. It reads no more of HTTP than this server writes: a length, and no pieces."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[str] | None = None
        self._received = b""

    async def ask(self, request: bytes) -> str:
        """Send a request; return what went wrong, or nothing."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                if self._transport is None:
                    await loop.create_connection(lambda: self, self._host, self._port)
                assert self._transport is not None
                self._received = b""
                self._answer = loop.create_future()
                self._transport.write(request)
                return await self._answer
        except TimeoutError:
            self.close()
            return f"no answer in {_ANSWER_SECONDS:g} s"
        except OSError as error:
            return error.strerror or str(error)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        header, blank, body = self._received.partition(b"\r\n\r\n")
        if not blank or self._answer is None or self._answer.done():
            return
        lines = header.lower().split(b"\r\n")
        lengths = [line for line in lines if line.startswith(b"content-length:")]
        if len(body) < (int(lengths[0][15:]) if lengths else 0):
            return
        status = lines[0].split()[1].decode()
        if status != "200":
            detail = json.loads(body).get("detail", "") if body.startswith(b"{") else ""
            self._answer.set_result(f"{status} {detail}".strip()[:200])
        elif b'"label"' not in body:
            self._answer.set_result("an answer without a label")
        else:
            self._answer.set_result("")
        if b"connection: close" in lines:
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._answer is not None and not self._answer.done():
            self._answer.set_result("the connection was closed")
