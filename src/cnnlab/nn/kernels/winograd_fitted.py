"""`winograd_fitted.c` for torch: Winograd's filtering of 3x3 in tiles of 4 and of 3 that fit the maps.

The way for maps whose sides are no multiples of 4, such as those of 7x7 and 14x14, on which a sixth of the
multiplications falls away. Some images are transformed and multiplied at once, by one thread.
"""

import ctypes

import torch
from torch import Tensor

from cnnlab.nn.kernels.winograd_blocks import GAP, Way, tiled_conv
from cnnlab.nn.kernels.winograd_kernels import (
    STEPS,
    num_tiles,
)

TAPS = 3
FEW_TILES, MANY_TILES = 96, 192
"""So many at once: many where kernels do not stay in a thread's cache, so that they are read seldom."""
MOST_PAIRS = 128 * 128  # of channels, whose kernels do
FIELDS = (
    "images",
    "height",
    "width",
    "channels",
    "out_channels",
    "pitch",
    "out_pitch",
    "block",
    "gap",
    "parts",
)


class _Conv(ctypes.Structure):
    """`Conv` of winograd_fitted.c."""

    _fields_ = [(name, ctypes.c_int64) for name in FIELDS]


def fits(height: int, width: int, taps: int) -> bool:
    """Tell whether tiles of 4 and of 3 cover maps exactly, and those of 4 alone do not."""
    step = STEPS[TAPS]
    # Tiles of a side, and how many of them are short.
    sides = [(-(-side // step), -side % step) for side in (height, width)]
    return taps == TAPS and all(shorts <= num for num, shorts in sides) and any(shorts for _, shorts in sides)


def conv_in_fitted(maps: Tensor, weight: Tensor, bias: Tensor | None, groups: int) -> Tensor:
    """Do what `winograd_conv` describes, for kernels of 3x3 and maps that `fits` tells of."""
    assert fits(maps.shape[2], maps.shape[3], weight.shape[3]), (maps.shape, weight.shape)
    return tiled_conv(maps, weight, bias, groups, FITTED)


def _record_of(maps: Tensor, weight: Tensor, groups: int) -> _Conv:
    n, channels, height, width = maps.shape
    num = len(weight)
    parts = min(torch.get_num_threads(), n)
    tiles = FEW_TILES if num // groups * weight.shape[1] <= MOST_PAIRS else MANY_TILES
    block = max(tiles // num_tiles(height, width, TAPS), 1)
    return _Conv(n, height, width, channels // groups, num // groups, channels, num, block, GAP, parts)


FITTED = Way("fitted", _record_of, is_by_part=False, forward_rest=(), backward_rest=())
