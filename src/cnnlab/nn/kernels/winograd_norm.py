"""Winograd's filtering block by block with batch norm, an addition and ReLU behind it, and the gradient.

The moments are taken from what a block makes while it is in the cache. On the way back the gradient between
batch norm and the convolution is made for a line of tiles at a time, and never written to memory.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import Function

from cnnlab.nn.kernels import winograd_blocks
from cnnlab.nn.kernels.guard import keep, kept, once_differentiable
from cnnlab.nn.kernels.norm import Back, BatchNorm, Norm, norm_record, normalised, scale_of
from cnnlab.nn.kernels.parallel import empty_maps, run_kernel
from cnnlab.nn.kernels.winograd_blocks import GAP, NOT_SEEN, Conv
from cnnlab.nn.kernels.winograd_kernels import grad_of_kernels, room_for_spectra, spectrum_of_kernels


def conv_norm_relu(maps: Tensor, kernels: Tensor, norm: BatchNorm, added: Tensor | None) -> Tensor:
    """Return ReLU(batch norm of a convolution + added), N x K x H x W, channels-last.

    Args:
        maps: N x C x H x W, float32 on the CPU, channels-last; C is a multiple of `LANES`.
        kernels: K x C x 3 x 3, or 5 x 5, float32, of stride 1; K is a multiple of `LANES`.
        norm: batch norm of K channels, whose running moments follow.
        added: N x K x H x W, channels-last, to add before ReLU; or None.
    """
    return _ConvNormRelu.apply(maps, kernels, norm.weight, norm.bias, added, norm)


class _ConvNormRelu(Function):
    @staticmethod
    def forward(
        ctx: Any,
        maps: Tensor,
        kernels: Tensor,
        weight: Tensor,
        bias: Tensor,
        added: Tensor | None,
        norm: BatchNorm,
    ) -> Tensor:
        record = winograd_blocks.conv_record(maps, kernels, 1)
        made, scale = conv_and_scale(record, maps, kernels, norm)
        out = normalised(norm_record(made), made, scale, added)
        keep(ctx, maps, kernels, made, weight, scale, None if added is None else out)
        ctx.record = record
        return out

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *grads: Tensor
    ) -> tuple[Tensor | None, ...]:
        maps, kernels, made, weight, scale, out = kept(ctx)
        back = Back.of(norm_record(made), grads[0], made, weight, scale, out)
        grad_maps = torch.empty_like(maps) if ctx.needs_input_grad[0] else None
        grad_kernels = grad_of_conv(ctx.record, maps, kernels, made, back, grad_maps)
        grad_added = None if out is None else back.grad
        return grad_maps, grad_kernels, back.grad_weight, back.grad_bias, grad_added, None


def conv_and_scale(
    record: Conv,
    maps: Tensor,
    kernels: Tensor,
    norm: BatchNorm,
    seen: tuple[Tensor | None, Tensor | None] = (None, None),
) -> tuple[Tensor, Tensor]:
    """Return a convolution, N x K x H x W, and what batch norm makes of each channel of it, see `scale_of`.

    Args:
        record: of the convolution.
        maps: N x C x H x W.
        kernels: K x C x k x k.
        norm: batch norm, whose running moments follow.
        seen: factor and offset of each of C channels, when not the maps themselves are convolved, but
            ReLU(factor maps + offset).
    """
    made = empty_maps((len(maps), len(kernels), *maps.shape[2:]), like=maps)
    moments = maps.new_empty(record.parts, 2, len(kernels), dtype=torch.float64)
    spectrum = spectrum_of_kernels(kernels, gap=GAP, is_turned=True)
    run_kernel("blocks_forward", record, record.parts, maps, spectrum, None, made, moments, *seen)
    return made, scale_of(record_by_images(made, record, norm), moments, norm)


def grad_of_conv(
    record: Conv,
    maps: Tensor,
    kernels: Tensor,
    made: Tensor,
    back: Back,
    grad_maps: Tensor | None,
    seen: tuple[Tensor | None, ...] = NOT_SEEN,
) -> Tensor:
    """Return the gradient of kernels whose convolution batch norm follows, and write that of the maps.

    Args:
        record: of the convolution.
        maps: N x C x H x W.
        kernels: K x C x k x k.
        made: what forward made, N x K x H x W.
        back: the way back up to there.
        grad_maps: is written: the gradient of what was seen of the maps, unless it is None.
        seen: as in `conv_and_scale`, with the mean of each channel, and room for sums, see `blocks_backward`.
    """
    spectra = room_for_spectra(maps, record.parts, record.out_channels, record.channels, GAP)
    sums = maps.new_empty(record.parts, record.out_channels)
    spectrum = spectrum_of_kernels(kernels, gap=GAP)
    arrays = (maps, back.grad, spectrum, grad_maps, spectra, sums, made, *back.factors, *seen)
    run_kernel("blocks_backward", record, record.parts, *arrays)
    return grad_of_kernels(spectra, record.taps)


def record_by_images(made: Tensor, conv: Conv, norm: BatchNorm | None = None) -> Norm:
    """Return how batch norm's kernels see what a convolution made, whose sums are of some images each."""
    record = norm_record(made, norm)
    record.items, record.parts = conv.images, conv.parts
    return record
