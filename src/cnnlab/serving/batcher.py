"""Micro-batching: images of many requests go through a network together, in one thread of its own.

There is no waiting for more images: a free network takes at once what is there. While it computes, others
arrive, and are the next batch. So a lone request loses no time, and batches grow with the load.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


class QueueFullError(Exception):
    """More images are decoded or waiting than the server takes; come back later."""


class Batcher:
    """The queue of one network.

    It belongs to the event loop in which `start` is called; none of its methods may be called from elsewhere.

    Args:
        forward: the network: N x C x H x W to N x num_classes, float32; called in a thread.
        max_batch: images that it is given at once.
        max_pending: images that may be reserved at one time.
        on_batch: told the number of images of each batch.
        on_pending: told the number of reserved places whenever it changes.
    """

    def __init__(
        self,
        forward: Callable[[Array], Array],
        *,
        max_batch: int,
        max_pending: int,
        on_batch: Callable[[int], None] = lambda _size: None,
        on_pending: Callable[[int], None] = lambda _number: None,
    ) -> None:
        self._forward, self._on_batch, self._on_pending = forward, on_batch, on_pending
        self._max_batch, self._max_pending = max_batch, max_pending
        self._waiting: deque[tuple[Array, asyncio.Future[Array]]] = deque()
        self._arrived = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="network")
        self._worker: asyncio.Task[None] | None = None
        self.pending = 0
        """Images that are reserved now."""

    def start(self) -> None:
        """Begin to work; needs a running event loop."""
        self._worker = asyncio.get_running_loop().create_task(self._work())

    async def stop(self) -> None:
        """End; whoever still waits gets `asyncio.CancelledError`."""
        if self._worker is not None:
            self._worker.cancel()
            with suppress(asyncio.CancelledError):
                await self._worker
        for _image, answer in self._waiting:
            answer.cancel()
        self._waiting.clear()
        self._thread.shutdown(wait=False)

    @contextmanager
    def reserve(self, num_images: int) -> Iterator[None]:
        """Hold places for images until they are answered; before decoding, so that it is bounded too.

        Raises:
            QueueFullError: there are not as many places.
        """
        if self.pending + num_images > self._max_pending:
            raise QueueFullError
        self._change_pending(num_images)
        try:
            yield
        finally:
            self._change_pending(-num_images)

    def _change_pending(self, difference: int) -> None:
        self.pending += difference
        self._on_pending(self.pending)

    async def answer(self, image: Array) -> Array:
        """Return the network's output for one image.

        Args:
            image: C x H x W, float32.

        Returns:
            num_classes, float32.

        Raises:
            Exception: what `forward` raised for the batch.
        """
        answer: asyncio.Future[Array] = asyncio.get_running_loop().create_future()
        self._waiting.append((image, answer))
        self._arrived.set()
        return await answer

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._arrived.wait()
            batch = self._next_batch()
            if not batch:
                self._arrived.clear()
                continue
            images = np.stack([image for image, _answer in batch])
            self._on_batch(len(batch))
            try:
                rows = await loop.run_in_executor(self._thread, self._forward, images)
            except Exception as error:  # belongs to those who asked; the next batch may be a good one
                for _image, answer in batch:
                    if not answer.done():
                        answer.set_exception(error)
                continue
            except asyncio.CancelledError:
                for _image, answer in batch:
                    answer.cancel()
                raise
            for (_image, answer), row in zip(batch, rows, strict=True):
                if not answer.done():
                    answer.set_result(row)

    def _next_batch(self) -> list[tuple[Array, "asyncio.Future[Array]"]]:
        """Take images from the queue; those that nobody waits for any more are dropped."""
        batch = []
        while self._waiting and len(batch) < self._max_batch:
            entry = self._waiting.popleft()
            if not entry[1].done():
                batch.append(entry)
        return batch
