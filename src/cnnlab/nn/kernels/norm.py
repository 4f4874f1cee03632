"""`norm.c` for torch: batch norm in training with an addition and ReLU behind it, and the gradient."""

import ctypes
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import Function

from cnnlab.nn.kernels.guard import once_differentiable
from cnnlab.nn.kernels.parallel import run_kernel

LANES = 8  # of vectors.h: channels come in multiples of it


class _Norm(ctypes.Structure):
    """`Norm` of norm.c."""

    _fields_ = [(name, ctypes.c_int64) for name in ("pixels", "channels", "parts")]


def norm_relu(
    maps: Tensor, weight: Tensor, bias: Tensor, added: Tensor | None, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Return ReLU(batch norm of maps + added), and the moments of the maps.

    Args:
        maps: N x C x H x W, float32 on the CPU, channels-last; C is a multiple of `LANES`.
        weight: the factor of each channel.
        bias: what is added to each channel.
        added: maps to add before ReLU, as `maps`; or None.
        eps: added to the variance.

    Returns:
        N x C x H x W, channels-last; and the mean and the variance of each channel, divided by the number of
        values, which have no gradient.
    """
    return _NormRelu.apply(maps, weight, bias, added, eps)


class _NormRelu(Function):
    @staticmethod
    def forward(
        ctx: Any, maps: Tensor, weight: Tensor, bias: Tensor, added: Tensor | None, eps: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        record = _record(maps)
        # Less the mean of one image, a channel loses no digits to a mean far from zero.
        shift = maps[0].mean((1, 2))
        first, second = _sums("norm_sums", record, maps, shift)
        mean_less_shift = first / record.pixels
        variance = (second / record.pixels - mean_less_shift**2).clamp(min=0.0)
        mean = (shift + mean_less_shift).float()
        inverse = (variance + eps).rsqrt().float()
        factor = weight.detach() * inverse
        offset = bias.detach() - mean * factor
        out = torch.empty_like(maps)
        run_kernel("norm_forward", record, record.parts, maps, factor, offset, added, out)
        # What passes ReLU is told by the maps, which are read anyway, unless others were added.
        ctx.save_for_backward(maps, weight, mean, inverse, factor, offset, None if added is None else out)
        ctx.record = record
        variance = variance.float()
        ctx.mark_non_differentiable(mean, variance)
        return out, mean, variance

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *grads: Tensor
    ) -> tuple[Tensor | None, ...]:
        maps, weight, mean, inverse, factor, offset, out = ctx.saved_tensors
        record = ctx.record
        grad_out = grads[0].contiguous(memory_format=torch.channels_last)
        grad_added = None if out is None else torch.empty_like(maps)
        after = (factor, offset, out, grad_added)
        sums = _sums("norm_grad_sums", record, grad_out, maps, mean, after=after)
        grad_bias, with_maps = sums.float()
        grad_weight = with_maps * inverse
        grad_maps = None
        if ctx.needs_input_grad[0]:
            # Less its mean, by way of the mean, and its share along the maps, by way of the variance
            by_grad = weight * inverse
            by_maps = -by_grad * inverse * grad_weight / record.pixels
            more = -by_grad * grad_bias / record.pixels - by_maps * mean
            grad_maps = torch.empty_like(maps)
            passing = (factor, offset) if grad_added is None else (None, None)
            arrays = (grad_out if grad_added is None else grad_added, maps, by_grad, by_maps, more, grad_maps)
            run_kernel("norm_backward", record, record.parts, *arrays, *passing)
        return grad_maps, grad_weight, grad_bias, grad_added, None


def _record(maps: Tensor) -> _Norm:
    pixels = maps.numel() // maps.shape[1]
    return _Norm(pixels, maps.shape[1], min(torch.get_num_threads(), pixels))


def _sums(name: str, record: _Norm, *arrays: Tensor, after: tuple[Tensor | None, ...] = ()) -> Tensor:
    """Return the two sums of each channel, 2 x C in float64."""
    sums = arrays[0].new_empty(record.parts, 2, record.channels, dtype=torch.float64)
    run_kernel(name, record, record.parts, *arrays, sums, *after)
    return sums.sum(0)
