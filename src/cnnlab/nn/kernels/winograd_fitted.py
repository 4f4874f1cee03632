"""`winograd_fitted.c` for torch: Winograd's filtering of 3x3 in tiles of 4 and of 3 that fit the maps.

The way for maps whose sides are no multiples of 4, such as those of 7x7 and 14x14, on which a sixth of the
multiplications falls away. Some images are transformed and multiplied at once, by one thread.
"""

import ctypes
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import Function

from cnnlab.nn.kernels.guard import once_differentiable
from cnnlab.nn.kernels.parallel import empty_maps, run_kernel
from cnnlab.nn.kernels.winograd_kernels import (
    STEPS,
    grad_of_kernels,
    join,
    num_tiles,
    room_for_spectra,
    spectrum_of_kernels,
)

TAPS = 3
FEW_TILES, MANY_TILES = 96, 192
"""So many at once: many where kernels do not stay in a thread's cache, so that they are read seldom."""
MOST_PAIRS = 128 * 128  # of channels, whose kernels do
GAP = 16  # numbers behind each line and plane of kernels
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
    return _FittedConv.apply(maps, weight, bias, groups)


class _FittedConv(Function):
    @staticmethod
    def forward(ctx: Any, maps: Tensor, weight: Tensor, bias: Tensor | None, groups: int) -> Tensor:
        n, channels, height, width = maps.shape
        num = len(weight)
        out = empty_maps((n, num, height, width), like=maps)
        parts = min(torch.get_num_threads(), n)
        tiles = FEW_TILES if num // groups * weight.shape[1] <= MOST_PAIRS else MANY_TILES
        block = max(tiles // num_tiles(height, width, TAPS), 1)
        sizes = (n, height, width, channels // groups, num // groups, channels, num)
        record = _Conv(*sizes, block, GAP, parts)
        biases = [None] * groups if bias is None else bias.chunk(groups)
        for ins, outs, kernel, shift in zip(
            maps.chunk(groups, 1), out.chunk(groups, 1), weight.chunk(groups), biases, strict=True
        ):
            spectrum = spectrum_of_kernels(kernel, gap=GAP, is_turned=True)
            run_kernel("fitted_forward", record, n, ins, spectrum, shift, outs)
        ctx.save_for_backward(maps, weight)
        ctx.record, ctx.has_bias, ctx.groups = record, bias is not None, groups
        return out

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *grads: Tensor
    ) -> tuple[Tensor | None, ...]:
        maps, weight = ctx.saved_tensors
        record, groups = ctx.record, ctx.groups
        grad_out = grads[0].contiguous(memory_format=torch.channels_last)
        grad_maps = torch.empty_like(maps) if ctx.needs_input_grad[0] else None
        grads_in = [None] * groups if grad_maps is None else grad_maps.chunk(groups, 1)
        spectra = room_for_spectra(maps, record.parts, record.out_channels, record.channels, GAP)
        sums = maps.new_empty(groups, record.parts, record.out_channels)
        grad_weights = []
        for ins, outs, kernel, grad_in, group_sums in zip(
            maps.chunk(groups, 1),
            grad_out.chunk(groups, 1),
            weight.chunk(groups),
            grads_in,
            sums,
            strict=True,
        ):
            spectrum = spectrum_of_kernels(kernel, gap=GAP)
            arrays = (ins, outs, spectrum, grad_in, spectra, group_sums)
            run_kernel("fitted_backward", record, record.parts, *arrays)
            grad_weights.append(grad_of_kernels(spectra, TAPS))
        grad_bias = sums.sum(1).flatten() if ctx.has_bias else None
        return grad_maps, join(grad_weights), grad_bias, None
