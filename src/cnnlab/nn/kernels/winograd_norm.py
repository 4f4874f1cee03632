"""Winograd's filtering block by block with batch norm, an addition and ReLU behind it, and the gradient.

The moments are taken from what a block makes while it is in the cache. On the way back the gradient between
batch norm and the convolution is made for a line of tiles at a time, and never written to memory.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import Function

from cnnlab.nn.kernels import norm, winograd_blocks
from cnnlab.nn.kernels.guard import once_differentiable
from cnnlab.nn.kernels.parallel import empty_maps, run_kernel
from cnnlab.nn.kernels.winograd_blocks import GAP
from cnnlab.nn.kernels.winograd_kernels import grad_of_kernels, room_for_spectra, spectrum_of_kernels


def conv_norm_relu(
    maps: Tensor, kernels: Tensor, weight: Tensor, bias: Tensor, added: Tensor | None, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Return ReLU(batch norm of a convolution + added), and the moments of what the convolution made.

    Args:
        maps: N x C x H x W, float32 on the CPU, channels-last; C is a multiple of `LANES`.
        kernels: K x C x 3 x 3, or 5 x 5, float32, of stride 1; K is a multiple of `LANES`.
        weight: batch norm's factor of each of K channels.
        bias: what batch norm adds to each of K channels.
        added: N x K x H x W, channels-last, to add before ReLU; or None.
        eps: added to the variance.

    Returns:
        N x K x H x W, channels-last; and the mean and the variance of each channel, divided by the number of
        values, which have no gradient.
    """
    return _ConvNormRelu.apply(maps, kernels, weight, bias, added, eps)


class _ConvNormRelu(Function):
    @staticmethod
    def forward(
        ctx: Any,
        maps: Tensor,
        kernels: Tensor,
        weight: Tensor,
        bias: Tensor,
        added: Tensor | None,
        eps: float,
    ) -> tuple[Tensor, Tensor, Tensor]:
        n, _, height, width = maps.shape
        made = empty_maps((n, len(kernels), height, width), like=maps)
        record = winograd_blocks.record_of(maps, kernels, 1)
        moments = maps.new_empty(record.parts, 2, len(kernels), dtype=torch.float64)
        spectrum = spectrum_of_kernels(kernels, gap=GAP, is_turned=True)
        run_kernel("blocks_forward", record, record.parts, maps, spectrum, None, made, moments)
        after = norm.record_of(made, eps)
        after.items, after.parts = n, record.parts  # into which the moments are divided
        scale = norm.scale_of(after, moments, weight, bias)
        out = norm.normalised(norm.record_of(made, eps), made, scale, added)
        ctx.save_for_backward(maps, kernels, made, weight, scale, None if added is None else out)
        ctx.record, ctx.eps = record, eps
        mean, variance = scale[0], scale[4]
        ctx.mark_non_differentiable(mean, variance)
        return out, mean, variance

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *grads: Tensor
    ) -> tuple[Tensor | None, ...]:
        maps, kernels, made, weight, scale, out = ctx.saved_tensors
        record = ctx.record
        back = norm.Back.of(norm.record_of(made, ctx.eps), grads[0], made, weight, scale, out)
        grad_maps = torch.empty_like(maps) if ctx.needs_input_grad[0] else None
        spectra = room_for_spectra(maps, record.parts, record.out_channels, record.channels, GAP)
        sums = maps.new_empty(record.parts, record.out_channels)
        spectrum = spectrum_of_kernels(kernels, gap=GAP)
        arrays = (maps, back.grad, spectrum, grad_maps, spectra, sums, made, *back.factors)
        run_kernel("blocks_backward", record, record.parts, *arrays)
        grad_kernels = grad_of_kernels(spectra, record.taps)
        grad_added = None if out is None else back.grad
        return grad_maps, grad_kernels, back.grad_weight, back.grad_bias, grad_added, None
