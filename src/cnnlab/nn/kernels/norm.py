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

    _fields_ = [
        *((name, ctypes.c_int64) for name in ("pixels", "channels", "items", "parts")),
        ("eps", ctypes.c_double),
    ]


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
        record = record_of(maps, eps)
        # Less the mean of one image, a channel loses no digits to a mean far from zero.
        shift, moments = maps[0].mean((1, 2)), _room_for_sums(maps, record)
        run_kernel("norm_moments", record, record.parts, maps, shift, moments)
        scale = scale_of(record, moments, weight, bias)
        out = normalised(record, maps, scale, added)
        # What passes ReLU is told by the maps, which are read anyway, unless others were added.
        ctx.save_for_backward(maps, weight, scale, None if added is None else out)
        ctx.record = record
        mean, variance = scale[0], scale[4]
        ctx.mark_non_differentiable(mean, variance)
        return out, mean, variance

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *grads: Tensor
    ) -> tuple[Tensor | None, ...]:
        maps, weight, scale, out = ctx.saved_tensors
        back = Back.of(ctx.record, grads[0], maps, weight, scale, out)
        grad_maps = None
        if ctx.needs_input_grad[0]:
            grad_maps = torch.empty_like(maps)
            arrays = (back.grad, maps, *back.factors[:3], grad_maps, *back.factors[3:])
            run_kernel("norm_backward", ctx.record, ctx.record.parts, *arrays)
        return grad_maps, back.grad_weight, back.grad_bias, None if out is None else back.grad, None


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
        cls, record: Norm, grad_out: Tensor, maps: Tensor, weight: Tensor, scale: Tensor, out: Tensor | None
    ) -> "Back":
        """Return it; `out` is what forward made, where maps were added."""
        mean, _, factor, offset, _ = scale.unbind()
        grad_out = grad_out.contiguous(memory_format=torch.channels_last)
        grad = None if out is None else torch.empty_like(maps)
        sums, back = _room_for_sums(maps, record), torch.empty_like(scale)
        arrays = (grad_out, maps, mean, sums, factor, offset, out, grad)
        run_kernel("norm_grad_sums", record, record.parts, *arrays)
        run_kernel("norm_back", record, 1, sums, weight.contiguous(), scale, back)
        grad_weight, grad_bias, *factors = back.unbind()
        passing = (factor, offset) if out is None else (None, None)
        return cls(grad_out if grad is None else grad, grad_weight, grad_bias, (*factors, *passing))


def scale_of(record: Norm, moments: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return what becomes of each channel, 5 x C, see `norm_scale` of norm.c; moments are parts x 2 x C."""
    scale = weight.new_empty(5, record.channels)
    run_kernel("norm_scale", record, 1, moments, weight.contiguous(), bias.contiguous(), scale)
    return scale


def normalised(record: Norm, maps: Tensor, scale: Tensor, added: Tensor | None) -> Tensor:
    """Return ReLU(batch norm of maps + added)."""
    return _apply(record, maps, scale[2], scale[3], added)


def norm_relu_as_known(maps: Tensor, factor: Tensor, offset: Tensor, added: Tensor | None) -> Tensor:
    """Return ReLU(factor maps + offset + added), in evaluation; no gradient.

    Args:
        maps: as in `norm_relu`.
        factor: of each channel.
        offset: of each channel.
        added: as in `norm_relu`.
    """
    return _apply(record_of(maps, 0), maps, factor, offset, added)


def _apply(record: Norm, maps: Tensor, factor: Tensor, offset: Tensor, added: Tensor | None) -> Tensor:
    out = torch.empty_like(maps)
    run_kernel("norm_forward", record, record.parts, maps, factor, offset, added, out)
    return out


def record_of(maps: Tensor, eps: float) -> Norm:
    """Return how the kernels are to see these maps."""
    channels = maps.shape[1]
    pixels = maps.numel() // channels
    return Norm(pixels, channels, pixels, min(torch.get_num_threads(), pixels), eps)


def _room_for_sums(maps: Tensor, record: Norm) -> Tensor:
    """Return room for two sums of each channel, for each part."""
    return maps.new_empty(record.parts, 2, record.channels, dtype=torch.float64)
