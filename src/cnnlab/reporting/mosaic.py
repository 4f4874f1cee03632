"""Many small pictures as one: filters, feature maps."""

import math

import numpy as np
from torch import Tensor

GAP_COLOUR = (0.85, 0.9, 0.97)
"""Pale blue lies between them: no filter's black, grey or white."""


def num_columns(num: int, *, most: int = 8) -> int:
    """Return how many of `num` stand side by side."""
    return min(most, num)


def num_rows(num: int, *, most: int = 8) -> int:
    """Return how many lines `num` of them take."""
    return math.ceil(num / num_columns(num, most=most))


def mosaic(tiles: Tensor, *, columns: int, enlarged: int, gap: int) -> np.ndarray:
    """Return tiles as one picture in [0, 1], H x W x 3.

    Args:
        tiles: N x C x h x w in [0, 1], C 1 or 3.
        columns: tiles side by side.
        enlarged: how often a tile's pixel is repeated, each way.
        gap: pixels between two tiles.
    """
    height, width = (size * enlarged + gap for size in tiles.shape[2:])
    rows = math.ceil(len(tiles) / columns)
    picture = np.full((rows * height - gap, columns * width - gap, 3), GAP_COLOUR)
    for index, tensor in enumerate(tiles):
        tile = tensor.permute(1, 2, 0).numpy()  # h x w x C
        tile = tile.repeat(enlarged, axis=0).repeat(enlarged, axis=1)
        top, left = index // columns * height, index % columns * width
        picture[top : top + tile.shape[0], left : left + tile.shape[1]] = tile
    return picture


def centred_levels(values: Tensor, *, in_full: float) -> Tensor:
    """Return numbers of both signs as levels in [0, 1]: 0 is 0.5, and all share one scale.

    Args:
        values: of any shape.
        in_full: the share of them that is not cut to black or white: a few large ones would make all others
            grey.
    """
    sizes = values.abs().flatten()
    largest = max(float(sizes.quantile(in_full)), float(np.finfo(np.float32).tiny))
    return (0.5 + values / (2 * largest)).clamp(0.0, 1.0)
