"""`winograd_blocks.c` for torch: Winograd's filtering of some tiles after the other, from maps to maps.

The way for few channels: what belongs to some tiles stays in the cache of the thread that works on them.
"""

import ctypes
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import Function

from cnnlab.nn.kernels.guard import once_differentiable
from cnnlab.nn.kernels.parallel import empty_maps, run_kernel
from cnnlab.nn.kernels.winograd_kernels import grad_of_kernels, join, room_for_spectra, spectrum_of_kernels

BLOCK = 48  # tiles at once: a multiple of the lines that a product keeps in registers
NO_NORM = (None,) * 6  # behind the convolution
GAP = 16  # numbers behind each line and plane of kernels
FIELDS = (
    "images",
    "height",
    "width",
    "channels",
    "out_channels",
    "pitch",
    "out_pitch",
    "taps",
    "block",
    "gap",
    "parts",
)


class Conv(ctypes.Structure):
    """`Conv` of winograd_blocks.c."""

    _fields_ = [(name, ctypes.c_int64) for name in FIELDS]


def conv_in_blocks(maps: Tensor, weight: Tensor, bias: Tensor | None, groups: int) -> Tensor:
    """Do what `winograd_conv` describes."""
    return _BlocksConv.apply(maps, weight, bias, groups)


class _BlocksConv(Function):
    @staticmethod
    def forward(ctx: Any, maps: Tensor, weight: Tensor, bias: Tensor | None, groups: int) -> Tensor:
        n, _, height, width = maps.shape
        out = empty_maps((n, len(weight), height, width), like=maps)
        record = record_of(maps, weight, groups)
        biases = [None] * groups if bias is None else bias.chunk(groups)
        for ins, outs, kernel, shift in zip(
            maps.chunk(groups, 1), out.chunk(groups, 1), weight.chunk(groups), biases, strict=True
        ):
            spectrum = spectrum_of_kernels(kernel, gap=GAP, is_turned=True)
            run_kernel("blocks_forward", record, record.parts, ins, spectrum, shift, outs, None)
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
            run_kernel("blocks_backward", record, record.parts, *arrays, *NO_NORM)
            grad_weights.append(grad_of_kernels(spectra, record.taps))
        grad_bias = sums.sum(1).flatten() if ctx.has_bias else None
        return grad_maps, join(grad_weights), grad_bias, None


def record_of(maps: Tensor, weight: Tensor, groups: int) -> Conv:
    """Return how the kernels are to see this convolution."""
    n, channels, height, width = maps.shape
    num, _, taps, _ = weight.shape
    parts = min(torch.get_num_threads(), n)
    return Conv(n, height, width, channels // groups, num // groups, channels, num, taps, BLOCK, GAP, parts)
