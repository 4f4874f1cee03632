"""Pixels to numbers: the mean and standard deviation of a data set, and how a network sees its images."""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

import torch
from torch import Tensor

from cnnlab.data.dataset import Dataset

SMALLEST_STD = 1 / 255
"""One grey level: a channel that never changes is shifted, not divided by zero."""

Scale = Literal["standard", "unit", "centred"]

_CHUNK_PIXELS = 2**20
"""Pixels of a channel summed at once, so that neither a memory map nor its sums fill the memory."""


def normalise(images: Tensor, mean: tuple[float, ...], std: tuple[float, ...]) -> Tensor:
    """Return `(images / 255 - mean) / std`.

    Args:
        images: N x C x H x W, uint8, on any device.
        mean: one per channel, in units of [0, 1].
        std: as `mean`.

    Returns:
        N x C x H x W, float32, on the same device.
    """
    mean_levels, scale = levels_of(tuple(mean), tuple(std), images.device)
    return images.to(torch.float32).sub_(mean_levels).mul_(scale)


@lru_cache(maxsize=16)
def levels_of(mean: tuple[float, ...], std: tuple[float, ...], device: torch.device) -> tuple[Tensor, Tensor]:
    """Return what `normalise` takes off and multiplies by, 1 x C x 1 x 1: made once, not for each batch."""
    levels, deviations = (
        torch.tensor(numbers, dtype=torch.float32, device="cpu").mul_(255.0) for numbers in (mean, std)
    )
    return levels.to(device).view(1, -1, 1, 1), deviations.reciprocal_().to(device).view(1, -1, 1, 1)


def scale_of(
    scale: Scale, mean: tuple[float, ...], std: tuple[float, ...]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the mean and standard deviation that make `normalise` bring pixels to a scale.

    Args:
        scale: `standard`, to mean 0 and deviation 1; `unit`, to 0..1; `centred`, to 0..255 less the mean, as
            the AlexNet paper has it (section 2), but that its mean is one image and this is one colour.
        mean: of the training images, per channel, in units of [0, 1].
        std: likewise.
    """
    match scale:
        case "standard":
            return mean, std
        case "unit":
            return (0.0,) * len(mean), (1.0,) * len(std)
        case "centred":
            return mean, (1 / 255,) * len(std)


def channel_stats(dataset: Dataset) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the mean and standard deviation of each channel, in units of [0, 1]."""
    squared = [(channel, channel) for channel in range(dataset.in_channels)]
    sums, squares, count = pixel_sums(dataset, squared)
    mean = tuple(total / (255 * count) for total in sums)
    variances = ((count * square - total**2) / count**2 for total, square in zip(sums, squares, strict=True))
    std = tuple(max(math.sqrt(variance) / 255, SMALLEST_STD) for variance in variances)
    return mean, std


def pixel_sums(dataset: Dataset, pairs: Sequence[tuple[int, int]]) -> tuple[list[int], list[int], int]:
    """Add up the levels, 0 to 255, of all pixels of a data set, and their products.

    They are sums of whole numbers, which float64 holds exactly: threads and chunks cannot change them.

    Args:
        dataset: whose images.
        pairs: the channels to multiply.

    Returns:
        A sum per channel, a sum of products per pair, and the number of pixels.
    """
    sums, products = [0] * dataset.in_channels, [0] * len(pairs)
    num_pixels = math.prod(dataset.images.shape[2:])
    for images in dataset.images.split(max(1, _CHUNK_PIXELS // num_pixels)):
        levels = [images[:, channel].reshape(-1).double() for channel in range(dataset.in_channels)]
        for channel, values in enumerate(levels):
            sums[channel] += int(values.sum())
        for place, (one, other) in enumerate(pairs):
            products[place] += int(levels[one].dot(levels[other]))
    return sums, products, len(dataset) * num_pixels
