"""The forms in which a network is exported: how each is written, and used once it is."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from cnnlab.export.describe import describe_run
from cnnlab.export.description import ExportDescription
from cnnlab.export.encoded import Answers
from cnnlab.export.graph import LayerGraph, graph_of
from cnnlab.export.int8 import quantized
from cnnlab.export.loading import load_export
from cnnlab.export.onnx_file import onnx_model
from cnnlab.export.pt2 import own_pt2, pt2_bytes
from cnnlab.export.sealed import seal
from cnnlab.export.timing import Timing, time_batches
from cnnlab.pictures import Pixels, Preparation

if TYPE_CHECKING:
    from onnx import ModelProto

    from cnnlab.evaluation import Run

BATCH_SIZE = 64
Logits = NDArray[np.float32]


class Source:
    """A run on its way to its exported forms; what several of them need is made once.

    Attributes:
        run: with its weights.
        threads: of the processor, where forms are used.
    """

    def __init__(self, run: "Run", *, threads: int) -> None:
        self.run, self.threads = run, threads

    @cached_property
    def graph(self) -> LayerGraph:
        """Its layers."""
        return graph_of(self.run.model, in_channels=self.run.in_channels, image_size=self.run.crop_size)

    @cached_property
    def onnx(self) -> "ModelProto":
        """Its ONNX model in float32."""
        return onnx_model(self.graph)

    @cached_property
    def description(self) -> ExportDescription:
        """What its files say of it."""
        return describe_run(self.run)

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """C x H x W of what the network takes."""
        return self.graph.input_shape


@dataclass(frozen=True)
class Measured:
    """What a form makes of images, and how fast.

    Attributes:
        logits: N x num_classes.
        timing: on this machine.
        answers: to `encoded.files_of` the images; None of a form that takes no files.
    """

    logits: Logits
    timing: Timing
    answers: Answers | None = None


class Form(Protocol):
    """A form of export.

    Attributes:
        name: as `--format` has it, or `int8`.
        ending: of its file or folder, after the run's name.
        has_json_beside: the description lies in a file beside it, since it has no place for one.
    """

    name: str
    ending: str
    has_json_beside: bool

    def write(self, source: Source, path: Path, pixels: Pixels) -> Measured:
        """Write a run to a path that is free, read it back, and use it.

        Args:
            source: the run.
            path: what is left there of a failure, the caller removes.
            pixels: images to answer, N x C x image_size x image_size.
        """
        ...


class OnnxForm:
    """An ONNX file for ONNX Runtime and others."""

    name, ending, has_json_beside = "onnx", ".onnx", False

    def write(self, source: Source, path: Path, pixels: Pixels) -> Measured:
        """As `Form`."""
        return _sealed(source, path, pixels, source.onnx, source.description)


class Int8Form:
    """An ONNX file whose convolutions and dense layers compute in int8.

    Args:
        calibration: training images, N x C x image_size x image_size, from which ranges are taken.

    Attributes:
        num_images: how many of them are enough.
    """

    name, ending, has_json_beside = "int8", "-int8.onnx", False
    num_images = 512

    def __init__(self, calibration: Pixels) -> None:
        self._calibration = calibration

    def write(self, source: Source, path: Path, pixels: Pixels) -> Measured:
        """As `Form`."""
        model = quantized(source.onnx, source.run.preparation.inputs(self._calibration))
        model.ClearField("metadata_props")
        return _sealed(source, path, pixels, model, describe_run(source.run, precision="int8"))


class Pt2Form:
    """A `.pt2` for programs that run torch."""

    name, ending, has_json_beside = "pt2", ".pt2", True

    def write(self, source: Source, path: Path, pixels: Pixels) -> Measured:
        """As `Form`."""
        write_synced(path, pt2_bytes(source.run))
        forward = own_pt2(path)
        logits = logits_of(forward, source.run.preparation, pixels)
        return Measured(logits, time_batches(forward, source.input_shape))


def _sealed(
    source: Source, path: Path, pixels: Pixels, model: "ModelProto", description: ExportDescription
) -> Measured:
    """Write a model, and read it as `load_export` does."""
    write_synced(path, seal(model.SerializeToString(), description))
    exported = load_export(path, threads=source.threads)
    logits = logits_of(exported.logits, exported.description.preparation, pixels)
    return Measured(logits, time_batches(exported.logits, source.input_shape))


def logits_of(
    forward: Callable[[NDArray[np.float32]], Logits], preparation: Preparation, pixels: Pixels
) -> Logits:
    """Return the logits of N x C x image_size x image_size bytes, batch by batch."""
    starts = range(0, len(pixels), BATCH_SIZE)
    return np.concatenate(
        [forward(preparation.inputs(pixels[start : start + BATCH_SIZE])) for start in starts]
    )


def write_synced(path: Path, content: bytes) -> None:
    """Write a file and wait until it is on the disk."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
