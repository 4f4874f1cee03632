"""`norm.c` for torch: batch norm in training with an addition and ReLU behind it, and the gradient."""

import ctypes
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import Function

from cnnlab.nn.kernels.guard import incoming, keep, kept, once_differentiable
from cnnlab.nn.kernels.parallel import SUFFIXES, run_kernel

LANES = 8  # of vectors.h: channels come in multiples of it
TYPES = (torch.float32, torch.bfloat16)  # of maps


class Norm(ctypes.Structure):
    """`Norm` of norm.c."""

    _fields_ = [
        *((name, ctypes.c_int64) for name in ("pixels", "channels", "items", "parts")),
        *((name, ctypes.c_double) for name in ("eps", "momentum")),
    ]


class BatchNorm(NamedTuple):
    """Batch norm of C channels in training; all of it float32, and the running moments in one piece.

    Attributes:
        weight: the factor of each channel.
        bias: what is added to each channel.
        running_mean: of each channel; it follows.
        running_var: the variance, free of bias; it follows.
        eps: added to the variance.
        momentum: by which share of the way the running moments follow.
    """

    weight: Tensor
    bias: Tensor
    running_mean: Tensor
    running_var: Tensor
    eps: float
    momentum: float


def norm_relu(maps: Tensor, norm: BatchNorm, added: Tensor | None) -> Tensor:
    """Return ReLU(batch norm of maps + added), N x C x H x W, channels-last.

    Args:
        maps: N x C x H x W on the CPU, of one of `TYPES`, channels-last; C is a multiple of `LANES`.
        norm: batch norm, whose running moments follow.
        added: maps to add before ReLU, as `maps`; or None.
    """
    return _NormRelu.apply(maps, norm.weight, norm.bias, added, norm)


class _NormRelu(Function):
    @staticmethod
    def forward(
        ctx: Any, maps: Tensor, weight: Tensor, bias: Tensor, added: Tensor | None, norm: BatchNorm
    ) -> Tensor:
        record = norm_record(maps, norm)
        # Less the mean of one image, a channel loses no digits to a mean far from zero.
        shift, moments = maps[0].mean((1, 2), dtype=torch.float32), room_for_sums(maps, record)
        run_kernel(f"norm_moments_{SUFFIXES[maps.dtype]}", record, record.parts, maps, shift, moments)
        scale = scale_of(record, moments, norm)
        out = normalised(record, maps, scale, added)
        # What passes ReLU is told by the maps, which are read anyway, unless others were added.
        keep(ctx, maps, weight, scale, None if added is None else out)
        ctx.record = record
        return out

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *grads: Tensor
    ) -> tuple[Tensor | None, ...]:
        maps, weight, scale, out = kept(ctx)
        back = Back.of(ctx.record, grads[0], maps, weight, scale, out)
        grad_maps = None
        if ctx.needs_input_grad[0]:
            grad_maps = torch.empty_like(maps)
            arrays = (back.grad, maps, *back.factors[:3], grad_maps, *back.factors[3:])
            run_kernel(f"norm_backward_{SUFFIXES[maps.dtype]}", ctx.record, ctx.record.parts, *arrays)
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
        mean, _, factor, offset = scale.unbind()
        grad_out = incoming(grad_out)
        grad = None if out is None else torch.empty_like(maps)
        sums = room_for_sums(maps, record)
        arrays = (grad_out, maps, mean, sums, factor, offset, out, grad)
        run_kernel(f"norm_grad_sums_{SUFFIXES[maps.dtype]}", record, record.parts, *arrays)
        passing = (factor, offset) if out is None else (None, None)
        return cls.by_sums(record, sums, grad_out if grad is None else grad, weight, scale, passing)

    @classmethod
    def by_sums(
        cls,
        record: Norm,
        sums: Tensor,
        grad: Tensor,
        weight: Tensor,
        scale: Tensor,
        passing: tuple[Tensor | None, Tensor | None],
    ) -> "Back":
        """Return it from the sums of `add_grad_sums` of norm.h, as many as the record has parts.

        Args:
            record: of the maps.
            sums: parts x 2 x C.
            grad: see `Back`.
            weight: batch norm's factor of each channel.
            scale: of forward, see `scale_of`.
            passing: factor and offset, by which maps tell what passed ReLU; None where `grad` is before it.
        """
        back = scale.new_empty(5, record.channels)
        run_kernel("norm_back", record, 1, sums, weight.contiguous(), scale, back)
        grad_weight, grad_bias, *factors = back.unbind()
        return cls(grad, grad_weight, grad_bias, (*factors, *passing))


def scale_of(record: Norm, moments: Tensor, norm: BatchNorm) -> Tensor:
    """Return what becomes of each channel, 4 x C, and let running moments follow, see `norm_scale` of norm.c.

    Args:
        record: of the maps.
        moments: of each part, parts x 2 x C.
        norm: batch norm.
    """
    scale = norm.weight.new_empty(4, record.channels)
    weight, bias = norm.weight.contiguous(), norm.bias.contiguous()
    arrays = (moments, weight, bias, scale, norm.running_mean, norm.running_var)
    run_kernel("norm_scale", record, 1, *arrays)
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
    return _apply(norm_record(maps), maps, factor, offset, added)


def _apply(record: Norm, maps: Tensor, factor: Tensor, offset: Tensor, added: Tensor | None) -> Tensor:
    out = torch.empty_like(maps)
    run_kernel(f"norm_forward_{SUFFIXES[maps.dtype]}", record, record.parts, maps, factor, offset, added, out)
    return out


def norm_record(maps: Tensor, norm: BatchNorm | None = None) -> Norm:
    """Return how the kernels are to see these maps; in training they are told of batch norm."""
    channels = maps.shape[1]
    pixels = maps.numel() // channels
    numbers = (0.0, 0.0) if norm is None else (norm.eps, norm.momentum)
    return Norm(pixels, channels, pixels, min(torch.get_num_threads(), pixels), *numbers)


def room_for_sums(maps: Tensor, record: Norm) -> Tensor:
    """Return room for two sums of each channel, for each part."""
    return maps.new_empty(record.parts, 2, record.channels, dtype=torch.float64)
