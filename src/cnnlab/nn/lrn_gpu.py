"""Local response normalisation on a GPU in one pass each way, written in Triton.

Maps lie channels-last, so that a pixel's channels are a line. A program takes some lines, whole, so that
windows over channels never reach into another program; neighbours are read again from the cache of its
processor. So the device's memory is read and written as by a copy: forward x and y, backward x, the gradient
and the result.

Imported only where there are a GPU and Triton; in Triton's interpreter (TRITON_INTERPRET=1) it runs anywhere.
"""
# pyright: reportMissingImports=false

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.autograd.function import Function

from cnnlab.nn.kernels.guard import once_differentiable

NUMBERS = 2048  # of a program, at least a line


def lrn_on_gpu(maps: Tensor, size: int, *, alpha: float, beta: float, k: float) -> Tensor:
    """Normalise across channels; arguments, shapes and types as for `LocalResponseNorm`.

    Args:
        maps: N x C x H x W, channels-last, on the GPU; C is at most `lrn.MOST_GPU_CHANNELS`.
        size: channels in the window.
        alpha: factor of the sum of squares.
        beta: the power.
        k: what the denominator starts from.
    """
    return _GpuNorm.apply(maps, size, alpha, beta, k)


class _GpuNorm(Function):
    @staticmethod
    def forward(ctx: Any, maps: Tensor, size: int, alpha: float, beta: float, k: float) -> Tensor:
        out = torch.empty_like(maps)
        ctx.save_for_backward(maps)
        ctx.constants = (size // 2, (size - 1) // 2, alpha, beta, k)
        _run(_forward, maps, (maps, out), ctx.constants)
        return out

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *grads: Tensor
    ) -> tuple[Tensor | None, ...]:
        (maps,) = ctx.saved_tensors
        grad_out = grads[0].contiguous(memory_format=torch.channels_last)
        grad = torch.empty_like(maps)
        _run(_backward, maps, (maps, grad_out, grad), ctx.constants)
        return grad, None, None, None, None


def _run(
    kernel: Any, maps: Tensor, arrays: tuple[Tensor, ...], constants: tuple[int, int, float, float, float]
) -> None:
    channels = maps.shape[1]
    lines = maps.numel() // channels
    width = triton.next_power_of_2(channels)
    block = max(1, NUMBERS // width)
    below, above, alpha, beta, k = constants
    kernel[(triton.cdiv(lines, block),)](
        *arrays, lines, alpha, beta, k, channels=channels, below=below, above=above, block=block, width=width
    )


@triton.jit
def _places(lines, channels: tl.constexpr, block: tl.constexpr, width: tl.constexpr):
    """Return where a program's numbers lie, which channel each is of, and which there are."""
    line = tl.program_id(0).to(tl.int64) * block + tl.arange(0, block)[:, None]
    channel = tl.arange(0, width)[None, :]
    return line * channels + channel, channel, (line < lines) & (channel < channels)


@triton.jit
def _window_sum(
    start, at, channel, there,
    channels: tl.constexpr, below: tl.constexpr, above: tl.constexpr, squares: tl.constexpr,
):  # fmt: skip
    """Return the sum over each number's window, of squares or of the numbers themselves."""
    total = tl.zeros(at.shape, tl.float32)
    for shift in tl.static_range(-below, above + 1):
        inside = there & (channel + shift >= 0) & (channel + shift < channels)
        number = tl.load(start + at + shift, mask=inside, other=0.0).to(tl.float32)
        total += number * number if squares else number
    return total


@triton.jit
def _power(positive, exponent):
    return tl.exp2(exponent * tl.log2(positive))


@triton.jit
def _forward(
    maps, out, lines, alpha, beta, k,
    channels: tl.constexpr, below: tl.constexpr, above: tl.constexpr,
    block: tl.constexpr, width: tl.constexpr,
):  # fmt: skip
    """Divide by d^beta, with d = k + alpha times the sum of squares."""
    at, channel, there = _places(lines, channels, block, width)
    denominator = k + alpha * _window_sum(maps, at, channel, there, channels, below, above, True)
    number = tl.load(maps + at, mask=there, other=0.0).to(tl.float32)
    tl.store(out + at, (number * _power(denominator, -beta)).to(out.dtype.element_ty), mask=there)


@triton.jit
def _backward(
    maps, grad_out, grad, lines, alpha, beta, k,
    channels: tl.constexpr, below: tl.constexpr, above: tl.constexpr,
    block: tl.constexpr, width: tl.constexpr,
):  # fmt: skip
    """The gradient as lrn.py writes it out; what is summed over the other window passes through `grad`."""
    at, channel, there = _places(lines, channels, block, width)
    denominator = k + alpha * _window_sum(maps, at, channel, there, channels, below, above, True)
    number = tl.load(maps + at, mask=there, other=0.0).to(tl.float32)
    direct = tl.load(grad_out + at, mask=there, other=0.0).to(tl.float32) * _power(denominator, -beta)
    tl.store(grad + at, (direct * number / denominator).to(grad.dtype.element_ty), mask=there)
    tl.debug_barrier()  # all of a line is there before a neighbour reads it
    around = _window_sum(grad, at, channel, there, channels, above, below, False)
    tl.debug_barrier()  # and all is read before it is replaced
    result = direct - 2.0 * alpha * beta * number * around
    tl.store(grad + at, result.to(grad.dtype.element_ty), mask=there)
