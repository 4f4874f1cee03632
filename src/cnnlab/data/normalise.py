"""Pixels to numbers: the mean and standard deviation of a data set, and how a network sees its images."""

import math

import torch
from torch import Tensor

from cnnlab.data.dataset import Dataset

SMALLEST_STD = 1 / 255
"""One grey level: a channel that never changes is shifted, not divided by zero."""

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
    mean_levels = torch.tensor(mean).mul_(255.0).to(images.device).view(1, -1, 1, 1)
    scale = torch.tensor(std).mul_(255.0).reciprocal_().to(images.device).view(1, -1, 1, 1)
    return images.to(torch.float32).sub_(mean_levels).mul_(scale)


def channel_stats(dataset: Dataset) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the mean and standard deviation of each channel, in units of [0, 1].

    They come from sums of whole numbers, which float64 holds exactly: threads and chunks cannot change them.
    """
    num_channels = dataset.in_channels
    sums, squares = [0] * num_channels, [0] * num_channels
    chunk = max(1, _CHUNK_PIXELS // math.prod(dataset.images.shape[2:]))
    for images in dataset.images.split(chunk):
        for channel in range(num_channels):
            levels = images[:, channel].reshape(-1).double()
            sums[channel] += int(levels.sum())
            squares[channel] += int(levels.dot(levels))
    count = len(dataset) * dataset.image_size * dataset.images.shape[2]
    mean = tuple(total / (255 * count) for total in sums)
    variances = ((count * square - total**2) / count**2 for total, square in zip(sums, squares, strict=True))
    std = tuple(max(math.sqrt(variance) / 255, SMALLEST_STD) for variance in variances)
    return mean, std
