"""Winograd's filtering block by block with batch norm, an addition and ReLU behind it, and the gradient.

The moments are taken from what a block makes while it is in the cache. On the way back the gradient between batch
norm and the convolution is made for a line of tiles at a time, and never written to memory.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import Function

from cnnlab.nn.kernels import norm, winograd_blocks
from cnnlab.nn.kernels.guard import once_differentiable
from cnnlab.nn.kernels.parallel import empty_maps, run_kernel
from cnnlab.nn.kernels.winograd_blocks import GAP
from cnnlab.nn.kernels.winograd_kernels import POINTS, grad_of_kernels, spectrum_of_kernels


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
        spectrum = spectrum_of_kernels(kernels.transpose(0, 1), gap=GAP)
        run_kernel("blocks_forward", record, record.parts, maps, spectrum, None, made, moments)
        mean, variance = _moments_of_all(moments, n)
        scale = norm.Scale.of(mean, variance, weight, bias, eps)
        out = norm.normalised(norm.record_of(made), made, scale, added)
        ctx.save_for_backward(maps, kernels, made, weight, *scale, None if added is None else out)
        ctx.record = record
        variance = variance.float()
        ctx.mark_non_differentiable(scale.mean, variance)
        return out, scale.mean, variance

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *grads: Tensor
    ) -> tuple[Tensor | None, ...]:
        maps, kernels, made, weight, *scale, out = ctx.saved_tensors
        record = ctx.record
        back = norm.Back.of(norm.record_of(made), grads[0], made, weight, norm.Scale(*scale), out)
        grad_maps = torch.empty_like(maps) if ctx.needs_input_grad[0] else None
        spectra = maps.new_empty(record.parts, POINTS, record.out_channels, record.channels + GAP)
        sums = maps.new_empty(record.parts, record.out_channels)
        spectrum = spectrum_of_kernels(kernels, gap=GAP)
        arrays = (maps, back.grad, spectrum, grad_maps, spectra, sums, made, *back.factors)
        run_kernel("blocks_backward", record, record.parts, *arrays)
        grad_kernels = grad_of_kernels(spectra, record.taps, gap=GAP)
        grad_added = None if out is None else back.grad
        return grad_maps, grad_kernels, back.grad_weight, back.grad_bias, grad_added, None


def _moments_of_all(moments: Tensor, num_images: int) -> tuple[Tensor, Tensor]:
    """Return mean and variance of all images from those of parts, parts x 2 x C in float64."""
    parts = len(moments)
    if parts == 1:
        return moments[0, 0], moments[0, 1]
    ends = [num_images * part // parts for part in range(parts + 1)]
    shares = moments.new_tensor([end - start for start, end in zip(ends, ends[1:], strict=False)])
    shares = (shares / num_images).unsqueeze(1)
    means, variances = moments[:, 0], moments[:, 1]
    mean = (shares * means).sum(0)
    return mean, (shares * (variances + (means - mean) ** 2)).sum(0)
