"""A network from an exported file, ready to classify: ONNX Runtime, NumPy and Pillow, without torch."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cnnlab.errors import ConfigError, DataError, ExportError
from cnnlab.export.description import INPUT, OUTPUT, ExportDescription
from cnnlab.export.sealed import read_sealed
from cnnlab.export.session import open_session
from cnnlab.pictures import Pixels, decode_picture, pixels_of
from cnnlab.threads import checked_threads
from cnnlab.values import plain, shown

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

BATCH_SIZE = 64
"""Pictures that `Export.predict` gives to the network at once."""

Picture = os.PathLike[str] | str | Image.Image | NDArray[np.uint8]
"""A path, an image that Pillow has opened, or an array: uint8, H x W or H x W x 3, red first."""

Labels = tuple[tuple[str, float], ...]
"""Class names with their probabilities, most probable first."""


class Export:
    """A network as it was exported; `load_export` makes it. Several threads may use it at once.

    Attributes:
        path: of the file.
        description: all that it says of itself.
    """

    def __init__(self, path: Path, description: ExportDescription, session: "InferenceSession") -> None:
        self.path, self.description = path, description
        self._session = session

    @property
    def network(self) -> str:
        """Its name in the registry."""
        return self.description.network["name"]

    @property
    def dataset(self) -> str:
        """The data set that it was trained on; empty if that is not known."""
        return str(self.description.trained_on.get("data", ""))

    @property
    def precision(self) -> str:
        """The type of its weights: `float32` or `int8`."""
        return self.description.precision

    @property
    def class_names(self) -> tuple[str, ...]:
        """What its outputs stand for, in their order."""
        return self.description.class_names

    @property
    def in_channels(self) -> int:
        """1 for grey images, 3 for colour."""
        return self.description.preparation.in_channels

    @property
    def image_size(self) -> int:
        """Height and width of what the network takes, in pixels."""
        return self.description.preparation.crop_size

    @property
    def is_digits(self) -> bool:
        """Whether a digit is looked for in every picture, and centred."""
        return self.description.preparation.digit_size is not None

    def pixels(self, image: Picture, *, name: str = "the image") -> Pixels:
        """Return a picture in the form of the images that the network was trained on, as the network sees it.

        Args:
            image: a path, an image that Pillow has opened, or an array, uint8, H x W or H x W x 3.
            name: what to call it in messages if it is no path.

        Returns:
            in_channels x S x S, uint8, where S is `description.preparation.image_size`.

        Raises:
            DataError: the picture cannot be decoded, or shows no digit where one is needed.
        """
        # A digit is found in shades of grey, and made colour afterwards where the network takes that.
        channels = 1 if self.is_digits else self.in_channels
        if isinstance(image, os.PathLike | str):
            path = os.fspath(image)
            picture, name = decode_picture(path, channels=channels), path
        elif isinstance(image, Image.Image | np.ndarray):
            opened = _from_array(image, name) if isinstance(image, np.ndarray) else image
            picture = pixels_of(opened, channels=channels, name=name)
        else:
            raise ConfigError(_wanted(name, image))
        return self.description.preparation.pixels(picture, name=name)

    def prepare(self, image: Picture, *, name: str = "the image") -> NDArray[np.float32]:
        """Return what the network takes of a picture: exactly what `cnnlab predict` gives to it.

        Args:
            image: as `pixels` takes it.
            name: likewise.

        Returns:
            in_channels x image_size x image_size, float32, normalised.

        Raises:
            DataError: the picture cannot be decoded, or shows no digit where one is needed.
        """
        return self.description.preparation.inputs(self.pixels(image, name=name))

    def logits(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the network's output.

        Args:
            batch: N x in_channels x image_size x image_size, float32, as `prepare` makes them.

        Returns:
            N x num_classes, float32.

        Raises:
            DataError: the batch has another form.
            ExportError: the network's output is not a number.
        """
        expected = (self.in_channels, self.image_size, self.image_size)
        if not isinstance(batch, np.ndarray):
            raise DataError(f"{self.path}: takes an array. Received: {type(batch).__name__}.")
        if batch.dtype != np.float32 or batch.ndim != 4 or batch.shape[1:] != expected:
            form = " x ".join(map(str, batch.shape))
            raise DataError(
                f"{self.path}: takes float32 images of N x {' x '.join(map(str, expected))}. "
                f"Received: {batch.dtype} of {form or 'no shape'}."
            )
        if not len(batch):
            return np.empty((0, len(self.class_names)), dtype=np.float32)
        logits = np.asarray(self._session.run([OUTPUT], {INPUT: batch})[0])
        if logits.shape != (len(batch), len(self.class_names)):
            raise ExportError(f"{self.path}: the network does not give one row of logits for each image.")
        if not np.isfinite(logits).all():
            raise ExportError(f"{self.path}: the network's output is not a finite number.")
        return logits

    def probs(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return probabilities, N x num_classes, float32; rows sum to 1. As `logits` otherwise."""
        logits = self.logits(batch).astype(np.float64)
        powers = np.exp(logits - logits.max(1, keepdims=True, initial=-np.inf))
        return (powers / powers.sum(1, keepdims=True)).astype(np.float32)

    def predict(self, images: Sequence[Picture] | Picture, *, top_k: int = 3) -> list[Labels]:
        """Say what is on pictures.

        Args:
            images: one or many: paths, images that Pillow has opened, arrays (uint8, H x W or H x W x 3).
            top_k: labels for each, at most.

        Returns:
            For each picture its most probable labels, with their probabilities.

        Raises:
            ConfigError: `top_k` is not at least 1, or something is no picture at all.
            DataError: a picture cannot be decoded, or shows no digit where one is needed; it is named.
        """
        top_k = plain(top_k)
        if not isinstance(top_k, int) or isinstance(top_k, bool) or top_k < 1:
            raise ConfigError(f"top_k: must be a whole number of at least 1. Received: {shown(top_k)}.")
        is_one = isinstance(images, os.PathLike | str | Image.Image | np.ndarray)
        if not is_one and (isinstance(images, bytes) or not isinstance(images, Iterable)):
            raise ConfigError(_wanted("images", images))
        pictures = [images] if is_one else list(images)
        answers: list[Labels] = []
        for start in range(0, len(pictures), BATCH_SIZE):
            part = pictures[start : start + BATCH_SIZE]
            names = (f"image {start + index}" for index in range(len(part)))
            prepared = [self.prepare(image, name=name) for image, name in zip(part, names, strict=True)]
            answers += [self.best(row, top_k) for row in self.probs(np.stack(prepared))]
        return answers

    def best(self, probs: NDArray[np.float32], top_k: int) -> Labels:
        """Return the most probable classes of one row of probabilities; of equal ones the first."""
        order = np.argsort(-probs, kind="stable")[:top_k]
        return tuple((self.class_names[index], float(probs[index])) for index in order)


def load_export(path: Path | str, *, threads: int | None = None) -> Export:
    """Read an ONNX file that `cnnlab export` has written; needs neither torch nor the run folder.

    The file is checked before anything of it is used: its sha256 sum, its operators, its description.

    Args:
        path: the file.
        threads: of the processor, for one batch; as many as the machine has cores if not given.

    Raises:
        ConfigError: `threads` is out of range, or `path` is no path.
        ExportError: the file cannot be read, is damaged, was not exported by cnnlab, or does not fit.
        MissingResourceError: onnxruntime is not installed.

    Example:
        >>> from cnnlab.lab import export
        >>> run = cnnlab.train("convnet_mnist", data="digits", steps=60)
        >>> (row,) = export(run, ["onnx"], out="exports").rows
        >>> network = cnnlab.load_export(row.path)
        >>> digits = cnnlab.load_data("digits", splits=["test"])["test"]
        >>> (labels,) = network.predict(digits.images[0, 0].numpy())
        >>> len(labels), network.class_names[:3]
        (3, ('0', '1', '2'))
    """
    threads = None if threads is None else checked_threads(threads)
    if not isinstance(path, os.PathLike | str):
        raise ConfigError(f"path: must be that of an ONNX file. Received: {type(path).__name__}.")
    path = Path(path)
    content, description = read_sealed(path)
    return Export(path, description, open_session(path, content, description, threads=threads))


def _wanted(name: str, image: object) -> str:
    kind = type(image).__name__
    return f"{name}: must be a path, an image that Pillow has opened, or an array. Received: {kind}."


def _from_array(array: NDArray[np.uint8], name: str) -> Image.Image:
    is_colour = array.ndim == 3 and array.shape[2] == 3
    if array.dtype != np.uint8 or not (array.ndim == 2 or is_colour) or not array.size:
        form = " x ".join(map(str, array.shape))
        raise DataError(
            f"{name}: an array must be uint8, H x W or H x W x 3. Received: {array.dtype} of {form}."
        )
    return Image.fromarray(array)
