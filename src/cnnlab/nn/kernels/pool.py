"""`pool.c` for torch: the largest of each window of maps, with the gradient."""

import ctypes
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import Function

from cnnlab.nn.kernels.guard import incoming, keep, kept, once_differentiable
from cnnlab.nn.kernels.parallel import SUFFIXES, empty_maps, run_kernel

MAX_SIDE = 15  # a place in a window is a byte
TYPES = (torch.float32, torch.bfloat16)  # of maps


class _Pool(ctypes.Structure):
    """`Pool` of pool.c."""

    _fields_ = [
        (name, ctypes.c_int64)
        for name in ("height", "width", "channels", "out_height", "out_width", "side", "stride", "pad")
    ]


class Windows(NamedTuple):
    """Square windows of maps.

    Attributes:
        side: in pixels, at most `MAX_SIDE`.
        stride: from one window to the next.
        pad: pixels around the maps into which windows reach; at most half a side.
    """

    side: int
    stride: int
    pad: int


def max_pool(maps: Tensor, windows: Windows, out_height: int, out_width: int) -> Tensor:
    """Return the largest value of each window, N x C x out_height x out_width, channels-last.

    The first of equal ones gets the gradient, and what is no number is the largest, as torch has it.

    Args:
        maps: N x C x H x W on the CPU, of one of `TYPES`, channels-last; C is a multiple of 8.
        windows: each has a pixel of the maps; the last ones may reach over the edge.
        out_height: how many windows there are below each other.
        out_width: how many there are beside each other.
    """
    return _MaxPool.apply(maps, windows, out_height, out_width)


class _MaxPool(Function):
    @staticmethod
    def forward(ctx: Any, maps: Tensor, windows: Windows, out_height: int, out_width: int) -> Tensor:
        num, channels, height, width = maps.shape
        out = empty_maps((num, channels, out_height, out_width), like=maps)
        place = torch.empty_like(out, dtype=torch.uint8) if ctx.needs_input_grad[0] else None
        record = _Pool(height, width, channels, out_height, out_width, *windows)
        run_kernel(f"pool_forward_{SUFFIXES[maps.dtype]}", record, num, maps, out, place)
        keep(ctx, place)
        ctx.record, ctx.shape = record, maps.shape
        return out

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *grads: Tensor
    ) -> tuple[Tensor | None, ...]:
        (place,) = kept(ctx)
        grad_out = incoming(grads[0])
        grad_maps = empty_maps(ctx.shape, like=grad_out)
        name = f"pool_backward_{SUFFIXES[grad_out.dtype]}"
        run_kernel(name, ctx.record, len(grad_maps), grad_out, place, grad_maps)
        return grad_maps, None, None, None
