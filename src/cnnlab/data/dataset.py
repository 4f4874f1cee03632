"""A data set in memory: one uint8 tensor of images and what belongs to it."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Dataset:
    """One split of a data set.

    Attributes:
        name: the data set, such as `mnist`.
        split: `train`, `val` or `test`.
        images: N x C x H x W, uint8, C is 1 or 3; may be backed by a memory map.
        labels: N, int64, indices into `class_names`.
        class_names: one name per class, in the order of the labels.
        is_digits: light strokes on a dark ground, centred: what photographs must be brought to at prediction.
        fingerprint: sha256 over the shape, the class names, the images and the labels.
        num_converted: how many of the images were grey and have been made colour, as was asked for.
        files: of the images, relative to their folder, in their order; empty for those of published sets.
    """

    name: str
    split: str
    images: Tensor
    labels: Tensor
    class_names: tuple[str, ...]
    is_digits: bool
    fingerprint: str
    num_converted: int = 0
    files: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        assert self.images.dtype == torch.uint8 and self.images.ndim == 4, self.images.shape
        assert self.labels.dtype == torch.int64 and len(self.labels) == len(self.images)

    def __len__(self) -> int:
        return len(self.images)

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)

    @property
    def in_channels(self) -> int:
        """1 for grey, 3 for colour."""
        return self.images.shape[1]

    @property
    def image_size(self) -> int:
        """Height and width in pixels."""
        return self.images.shape[-1]


def make_dataset(
    name: str,
    split: str,
    images: Tensor,
    labels: Tensor,
    class_names: tuple[str, ...],
    *,
    is_digits: bool = False,
) -> Dataset:
    """Build a `Dataset` and its fingerprint; shapes and types as its attributes."""
    blocks = (images.contiguous().numpy().data, labels.contiguous().numpy().data)
    fingerprint = fingerprint_of(tuple(images.shape), class_names, blocks)
    return Dataset(name, split, images, labels, class_names, is_digits, fingerprint)


def fingerprint_of(
    shape: tuple[int, ...], class_names: tuple[str, ...], blocks: Iterable[bytes | memoryview]
) -> str:
    """Return a data set's fingerprint; `blocks` are the bytes of its images, then of its labels."""
    digest = hashlib.sha256(repr((shape, class_names)).encode())
    for block in blocks:
        digest.update(block)
    return digest.hexdigest()
