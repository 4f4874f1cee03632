"""`lanes.c` for torch: convolutions of few channels, with ReLU and pooling behind them, and the gradient."""

import ctypes
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import Function

from cnnlab.nn.kernels.guard import incoming, keep, kept, once_differentiable
from cnnlab.nn.kernels.parallel import empty_maps, run_kernel

LANES = 8  # images in a group, of lanes.c
FIELDS = ("images", "height", "width", "channels", "out_height", "out_width", "out_channels")
HOW = ("kernel", "stride", "pad", "is_pooled", "is_rectified")


class _Conv(ctypes.Structure):
    """`Conv` of lanes.c."""

    _fields_ = [(name, ctypes.c_int64) for name in (*FIELDS, *HOW)]


def lanes_conv(
    maps: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    *,
    stride: int,
    pad: int,
    is_pooled: bool = False,
    is_rectified: bool = False,
) -> Tensor:
    """Return a convolution of maps, or what is left of it after ReLU and pooling.

    Args:
        maps: N x C x H x W, float32 on the CPU, channels-last.
        weight: K x C x k x k, float32.
        bias: K numbers, or None.
        stride: between two windows; 1 where the maps need a gradient.
        pad: zeros on each side; less than k.
        is_pooled: take the largest of 2x2 pixels, halves rounded up.
        is_rectified: after ReLU; only with pooling.

    Returns:
        N x K x h x w, channels-last.
    """
    assert is_pooled or not is_rectified
    assert maps.shape[1] == weight.shape[1], (maps.shape, weight.shape)
    bias = None if bias is None else bias.contiguous()
    return _LanesConv.apply(maps, weight, bias, (stride, pad, is_pooled, is_rectified))


class _LanesConv(Function):
    @staticmethod
    def forward(
        ctx: Any, maps: Tensor, weight: Tensor, bias: Tensor | None, how: tuple[int, int, bool, bool]
    ) -> Tensor:
        record = _record(maps, weight, *how)
        height, width = record.out_height, record.out_width
        if record.is_pooled:
            height, width = -(-height // 2), -(-width // 2)
        shape = (len(maps), len(weight), height, width)
        out = empty_maps(shape, like=maps)
        groups = -(-len(maps) // LANES)
        place = maps.new_empty(groups * LANES * height * width * len(weight), dtype=torch.uint8)
        place = place if record.is_pooled else None
        run_kernel("lanes_forward", record, groups, maps, in_runs(weight), bias, out, place)
        keep(ctx, maps, weight, place)
        ctx.record, ctx.has_bias = record, bias is not None
        return out

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *grads: Tensor
    ) -> tuple[Tensor | None, ...]:
        maps, weight, place = kept(ctx)
        grad_out = incoming(grads[0])
        groups, num = -(-len(maps) // LANES), weight.numel()
        grad_maps = torch.empty_like(maps) if ctx.needs_input_grad[0] else None
        turned = None if grad_maps is None else in_runs(weight.flip(2, 3).transpose(0, 1))
        sums = maps.new_empty(groups, num + len(weight))
        arrays = (maps, grad_out, place, turned, grad_maps, sums)
        run_kernel("lanes_backward", ctx.record, groups, *arrays)
        sums = sums.sum(0)
        kernel, channels = weight.shape[2], weight.shape[1]
        grad_weight = sums[:num].view(kernel, kernel, channels, len(weight)).permute(3, 2, 0, 1)
        return grad_maps, grad_weight, sums[num:] if ctx.has_bias else None, None


def in_runs(weight: Tensor) -> Tensor:
    """Return kernels as lanes.c and opening.c read them: k x k x C x K."""
    return weight.permute(2, 3, 1, 0).contiguous()


def _record(
    maps: Tensor, weight: Tensor, stride: int, pad: int, is_pooled: bool, is_rectified: bool
) -> _Conv:
    images, channels, height, width = maps.shape
    out_channels, _, kernel, _ = weight.shape
    out_height, out_width = ((side + 2 * pad - kernel) // stride + 1 for side in (height, width))
    numbers = (images, height, width, channels, out_height, out_width, out_channels)
    return _Conv(*numbers, kernel, stride, pad, is_pooled, is_rectified)
