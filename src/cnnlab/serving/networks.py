"""The networks that a server has: what each says of itself, and how it answers."""

import asyncio
from collections.abc import Awaitable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

from cnnlab.errors import ConfigError, DataError, ExportError, did_you_mean
from cnnlab.export import Export, Labels
from cnnlab.pictures import Pixels, TooManyPixelsError, decode_picture
from cnnlab.serving.batcher import Array, Batcher, QueueFullError
from cnnlab.serving.bodies import RETRY_SECONDS
from cnnlab.serving.example import example_image
from cnnlab.serving.explainer import has_torch, run_beside
from cnnlab.serving.limits import Limits
from cnnlab.serving.metrics import Metrics
from cnnlab.serving.problems import Problem

Answer = TypeVar("Answer")

_SMALL_BYTES, _SMALL_PIXELS = 2**14, 2**12
"""An image, alone in its request, that is decoded at once: sooner done than handed to a thread."""


class Network:
    """One exported network, with its queue.

    Args:
        export: as `load_export` returns it.
        limits: of the queue and of pixels.
        metrics: that it reports to.
        decoders: threads that images are decoded in; the server's own.
    """

    def __init__(
        self, export: Export, limits: Limits, metrics: Metrics, decoders: ThreadPoolExecutor
    ) -> None:
        self.name = export.path.stem
        self.batcher = Batcher(
            export.probs,
            max_batch=limits.batch,
            max_pending=limits.queue,
            on_batch=metrics.batches.labels(self.name).observe,
            on_pending=metrics.pending.labels(self.name).set,
        )
        self.export = export
        """What it answers with."""
        self.run = run_beside(export.path) if has_torch() else None
        """The run folder that its answers can be explained with; None if there is none, or no torch."""
        self.example: Labels = ()
        """Its answer to `example_image`, once it is warm."""
        self._limits, self._decoders = limits, decoders
        self._num_images = metrics.images.labels(self.name)

    @property
    def unexplained(self) -> str:
        """Why its answers cannot be explained; empty if they can."""
        if self.run is not None:
            return ""
        if has_torch():
            reason = (
                "its run folder is not here; serve the run folder, or put the ONNX file into or beside it"
            )
        else:
            reason = "torch is not installed where the server runs"
        return f"{self.name} cannot be explained: {reason}."

    def facts(self) -> dict[str, Any]:
        """Return what a client may want to know, for JSON."""
        export = self.export
        return {
            "name": self.name,
            "network": export.network,
            "trained_on": export.description.trained_on,
            "precision": export.precision,
            "class_names": list(export.class_names),
            "in_channels": export.in_channels,
            "image_size": export.image_size,
            "is_digits": export.is_digits,
            "preparation": export.description.steps(),
            "is_explained": self.run is not None,
        }

    def warm_up(self) -> None:
        """Answer the example image, so that the first client does not wait for memory and imports."""
        picture = decode_picture(
            example_image(), channels=1 if self.export.is_digits else self.export.in_channels
        )
        preparation = self.export.description.preparation
        inputs = preparation.inputs(preparation.pixels(picture))
        self.example = self.export.best(self.export.probs(inputs[None])[0], 3)

    async def labels(self, images: Sequence[tuple[str, bytes]], top_k: int) -> list[Labels]:
        """Say what is on images.

        Args:
            images: names for messages, and encoded images.
            top_k: labels for each, at most.

        Raises:
            Problem: 422, an image cannot be decoded, is too large, or shows no digit where one is needed.
            QueueFullError: too many images wait already.
        """
        with self.batcher.reserve(len(images)):
            if len(images) == 1:
                rows = [await self._probs(*images[0], is_alone=True)]
                return self._answers(rows, top_k)
            tasks = [asyncio.ensure_future(self._probs(name, image)) for name, image in images]
            try:
                rows = await asyncio.gather(*tasks)
            finally:
                for task in tasks:  # of a request that failed or was given up
                    task.cancel()
        return self._answers(rows, top_k)

    def _answers(self, rows: Sequence[Array], top_k: int) -> list[Labels]:
        self._num_images.inc(len(rows))
        return [self.export.best(row, top_k) for row in rows]

    async def _probs(self, name: str, image: bytes, *, is_alone: bool = False) -> Array:
        prepared = None
        if is_alone and len(image) <= _SMALL_BYTES:
            with suppress(TooManyPixelsError):  # for a small image: it is then sent to a thread
                prepared = self._prepare(name, image, min(_SMALL_PIXELS, self._limits.pixels))
        if prepared is None:
            loop = asyncio.get_running_loop()
            prepared = await loop.run_in_executor(
                self._decoders, self._prepare, name, image, self._limits.pixels
            )
        return await self.batcher.answer(prepared)

    async def seen(self, name: str, image: bytes) -> tuple[Pixels, Array]:
        """Return an image in the form of those that the network was trained on, and its probabilities.

        Args:
            name: for messages.
            image: encoded.

        Raises:
            Problem: as `labels`.
            QueueFullError: likewise.
        """
        with self.batcher.reserve(1):
            loop = asyncio.get_running_loop()
            pixels = await loop.run_in_executor(
                self._decoders, self._pixels, name, image, self._limits.pixels
            )
            return pixels, await self.batcher.answer(self.export.description.preparation.inputs(pixels))

    def _prepare(self, name: str, image: bytes, max_pixels: int) -> Array:
        return self.export.description.preparation.inputs(self._pixels(name, image, max_pixels))

    def _pixels(self, name: str, image: bytes, max_pixels: int) -> Pixels:
        export = self.export
        channels = 1 if export.is_digits else export.in_channels
        try:
            picture = decode_picture(
                image,
                channels=channels,
                name=name,
                max_pixels=max_pixels,
                seconds=self._limits.decode_seconds,
            )
            return export.description.preparation.pixels(picture, name=name)
        except DataError as error:
            if isinstance(error, TooManyPixelsError) and max_pixels < self._limits.pixels:
                raise
            raise Problem(422, str(error), field=name) from None


async def answer_in_time(answer: Awaitable[Answer], limits: Limits) -> Answer:
    """Wait for what a network answers, or raise the problem that there is instead."""
    try:
        async with asyncio.timeout(limits.answer_seconds):
            return await answer
    except QueueFullError:
        detail = f"{limits.queue} images of this network are waiting already."
    except TimeoutError:
        detail = f"There was no answer within {limits.answer_seconds:g} s."
    except ExportError as error:
        raise Problem(422, f"These images lead to no answer: {error}", field="images") from None
    raise Problem(503, detail, retry_after=RETRY_SECONDS)


def chosen_network(networks: dict[str, Network], name: str) -> Network:
    """Return the network of a name, the first one where it is empty; a Problem where there is none."""
    if not name:
        return next(iter(networks.values()))
    if name not in networks:
        hint = did_you_mean(name, networks)
        raise Problem(422, f"There is no network {name[:80]!r}. {hint}", field="network")
    return networks[name]


def networks_of(
    exports: Sequence[Export], limits: Limits, metrics: Metrics, decoders: ThreadPoolExecutor
) -> dict[str, Network]:
    """Return networks by their names, which are those of their files.

    Raises:
        ConfigError: there is none, or two have one name.
    """
    if not exports:
        raise ConfigError("RUN_OR_ONNX: there must be at least one network.")
    networks: dict[str, Network] = {}
    names = [export.path.stem for export in exports]
    for name in names:
        if not name.isprintable():  # as are bytes that are no UTF-8
            raise ConfigError(f"RUN_OR_ONNX: {name!a} must be printable, since clients ask by it; rename it.")
        if names.count(name) > 1:
            raise ConfigError(
                f"RUN_OR_ONNX: two networks are called {name!r}, as their files are; rename one file."
            )
    for export in exports:
        network = Network(export, limits, metrics, decoders)
        networks[network.name] = network
    return networks
