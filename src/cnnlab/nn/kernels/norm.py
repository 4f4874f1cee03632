"""`norm.c` for torch: batch norm in training with an addition and ReLU behind it, and the gradient."""

import ctypes
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import Function

from cnnlab.nn.kernels.guard import once_differentiable
from cnnlab.nn.kernels.parallel import run_kernel

LANES = 8  # of vectors.h: channels come in multiples of it


class Norm(ctypes.Structure):
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
        record = record_of(maps)
        # Less the mean of one image, a channel loses no digits to a mean far from zero.
        shift = maps[0].mean((1, 2))
        first, second = _sums("norm_sums", record, maps, shift)
        mean_less_shift = first / record.pixels
        variance = (second / record.pixels - mean_less_shift**2).clamp(min=0.0)
        scale = Scale.of(shift + mean_less_shift, variance, weight, bias, eps)
        out = normalised(record, maps, scale, added)
        # What passes ReLU is told by the maps, which are read anyway, unless others were added.
        ctx.save_for_backward(maps, weight, *scale, None if added is None else out)
        ctx.record = record
        variance = variance.float()
        ctx.mark_non_differentiable(scale.mean, variance)
        return out, scale.mean, variance

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *grads: Tensor
    ) -> tuple[Tensor | None, ...]:
        maps, weight, *scale, out = ctx.saved_tensors
        back = Back.of(ctx.record, grads[0], maps, weight, Scale(*scale), out)
        grad_maps = None
        if ctx.needs_input_grad[0]:
            grad_maps = torch.empty_like(maps)
            arrays = (back.grad, maps, *back.factors[:3], grad_maps, *back.factors[3:])
            run_kernel("norm_backward", ctx.record, ctx.record.parts, *arrays)
        return grad_maps, back.grad_weight, back.grad_bias, None if out is None else back.grad, None


class Scale(NamedTuple):
    """What becomes of each channel: batch norm is factor maps + offset."""

    mean: Tensor
    inverse: Tensor
    factor: Tensor
    offset: Tensor

    @classmethod
    def of(cls, mean: Tensor, variance: Tensor, weight: Tensor, bias: Tensor, eps: float) -> "Scale":
        """Return that for moments in float64."""
        inverse, mean = (variance + eps).rsqrt().float(), mean.float()
        factor = weight.detach() * inverse
        return cls(mean, inverse, factor, bias.detach() - mean * factor)


class Back(NamedTuple):
    """The way back up to the maps.

    Attributes:
        grad: that of the results; or, where maps were added, that before ReLU.
        grad_weight: the gradient of the weight.
        grad_bias: that of the bias.
        factors: by which the gradient of the maps comes from `grad`: `Back` of norm.h.
    """

    grad: Tensor
    grad_weight: Tensor
    grad_bias: Tensor
    factors: tuple[Tensor | None, ...]

    @classmethod
    def of(
        cls, record: Norm, grad_out: Tensor, maps: Tensor, weight: Tensor, scale: Scale, out: Tensor | None
    ) -> "Back":
        """Return it; `out` is what forward made, where maps were added."""
        mean, inverse, factor, offset = scale
        grad = grad_out = grad_out.contiguous(memory_format=torch.channels_last)
        if out is not None:
            grad = torch.empty_like(maps)
        after = (factor, offset, out, None if out is None else grad)
        sums = _sums("norm_grad_sums", record, grad_out, maps, mean, after=after)
        grad_bias, with_maps = sums.float()
        grad_weight = with_maps * inverse
        # Less its mean, by way of the mean, and its share along the maps, by way of the variance
        by_grad = weight * inverse
        by_maps = -by_grad * inverse * grad_weight / record.pixels
        more = -by_grad * grad_bias / record.pixels - by_maps * mean
        passing = (factor, offset) if out is None else (None, None)
        return cls(grad, grad_weight, grad_bias, (by_grad, by_maps, more, *passing))


def normalised(record: Norm, maps: Tensor, scale: Scale, added: Tensor | None) -> Tensor:
    """Return ReLU(batch norm of maps + added)."""
    out = torch.empty_like(maps)
    run_kernel("norm_forward", record, record.parts, maps, scale.factor, scale.offset, added, out)
    return out


def record_of(maps: Tensor) -> Norm:
    """Return how the kernels are to see these maps."""
    pixels = maps.numel() // maps.shape[1]
    return Norm(pixels, maps.shape[1], min(torch.get_num_threads(), pixels))


def _sums(name: str, record: Norm, *arrays: Tensor, after: tuple[Tensor | None, ...] = ()) -> Tensor:
    """Return the two sums of each channel, 2 x C in float64."""
    sums = arrays[0].new_empty(record.parts, 2, record.channels, dtype=torch.float64)
    run_kernel(name, record, record.parts, *arrays, sums, *after)
    return sums.sum(0)
