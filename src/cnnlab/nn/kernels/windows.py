"""`windows.c` for torch: convolutions whose windows step over pixels, as products of small matrices."""

import ctypes
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import Function

from cnnlab.nn.kernels.guard import incoming, keep, kept, once_differentiable
from cnnlab.nn.kernels.parallel import empty_maps, run_kernel

FIELDS = ("images", "height", "width", "channels", "out_height", "out_width", "out_channels")
HOW = ("taps", "stride", "pad", "parts")


class _Conv(ctypes.Structure):
    """`Conv` of windows.c."""

    _fields_ = [(name, ctypes.c_int64) for name in (*FIELDS, *HOW)]


def windows_conv(maps: Tensor, weight: Tensor, bias: Tensor | None, *, stride: int, pad: int) -> Tensor:
    """Return a convolution of maps.

    Args:
        maps: N x C x H x W, float32 on the CPU, channels-last; C is a multiple of 8.
        weight: K x C x k x k, float32; K is a multiple of 8.
        bias: K numbers, or None.
        stride: between two windows.
        pad: zeros on each side; less than k.

    Returns:
        N x K x h x w, channels-last.
    """
    assert maps.shape[1] == weight.shape[1], (maps.shape, weight.shape)
    return _WindowsConv.apply(maps, weight, None if bias is None else bias.contiguous(), stride, pad)


class _WindowsConv(Function):
    @staticmethod
    def forward(ctx: Any, maps: Tensor, weight: Tensor, bias: Tensor | None, stride: int, pad: int) -> Tensor:
        num, channels, height, width = maps.shape
        out_channels, _, taps, _ = weight.shape
        sides = [(side + 2 * pad - taps) // stride + 1 for side in (height, width)]
        out = empty_maps((num, out_channels, *sides), like=maps)
        parts = min(torch.get_num_threads(), num)
        sizes = (num, height, width, channels, *sides, out_channels)
        record = _Conv(*sizes, taps, stride, pad, parts)
        kernels = weight.permute(2, 3, 1, 0).contiguous()  # k x k x C x K
        run_kernel("windows_forward", record, num, maps, kernels, bias, out)
        keep(ctx, maps, weight)
        ctx.record, ctx.has_bias = record, bias is not None
        return out

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *grads: Tensor
    ) -> tuple[Tensor | None, ...]:
        maps, weight = kept(ctx)
        record = ctx.record
        grad_out = incoming(grads[0])
        out_channels, channels, taps, _ = weight.shape
        grad_maps = torch.empty_like(maps) if ctx.needs_input_grad[0] else None
        kernels = weight.permute(0, 2, 3, 1).contiguous()  # K x k x k x C
        sums = maps.new_empty(record.parts, taps, taps, channels, out_channels)
        run_kernel("windows_backward", record, record.parts, maps, grad_out, kernels, grad_maps, sums)
        grad_weight = sums.sum(0).permute(3, 2, 0, 1)
        grad_bias = grad_out.sum((0, 2, 3)) if ctx.has_bias else None
        return grad_maps, grad_weight, grad_bias, None, None
