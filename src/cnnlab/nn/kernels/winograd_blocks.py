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
from cnnlab.nn.kernels.winograd_kernels import POINTS, grad_of_kernels, spectrum_of_kernels

BLOCK = 48  # tiles at once: a multiple of the lines that a product keeps in registers
GAP = 16  # numbers behind each line of kernels
FIELDS = ("images", "height", "width", "channels", "out_channels", "block", "gap", "parts")


class _Conv(ctypes.Structure):
    """`Conv` of winograd_blocks.c."""

    _fields_ = [(name, ctypes.c_int64) for name in FIELDS]


def conv_in_blocks(maps: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Do what `winograd_conv` describes."""
    return _BlocksConv.apply(maps, weight, bias)


class _BlocksConv(Function):
    @staticmethod
    def forward(ctx: Any, maps: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        n, channels, height, width = maps.shape
        shape = (n, len(weight), height, width)
        out = empty_maps(shape, like=maps)
        parts = min(torch.get_num_threads(), n)
        record = _Conv(n, height, width, channels, len(weight), BLOCK, GAP, parts)
        kernels = spectrum_of_kernels(weight.transpose(0, 1), gap=GAP)
        run_kernel("blocks_forward", record, n, maps, kernels, bias, out)
        ctx.save_for_backward(maps, weight)
        ctx.record, ctx.has_bias = record, bias is not None
        return out

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *grads: Tensor
    ) -> tuple[Tensor | None, ...]:
        maps, weight = ctx.saved_tensors
        grad_out = grads[0].contiguous(memory_format=torch.channels_last)
        num, channels = weight.shape[:2]
        grad_maps = torch.empty_like(maps) if ctx.needs_input_grad[0] else None
        parts = ctx.record.parts
        spectra = maps.new_empty(parts, POINTS, num, channels + GAP)
        sums = maps.new_empty(parts, num)
        kernels = spectrum_of_kernels(weight, gap=GAP)
        arrays = (maps, grad_out, kernels, grad_maps, spectra, sums)
        run_kernel("blocks_backward", ctx.record, parts, *arrays)
        grad_bias = sums.sum(0) if ctx.has_bias else None
        return grad_maps, grad_of_kernels(spectra, gap=GAP), grad_bias
