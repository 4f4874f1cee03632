"""Two convolutions, each with batch norm and ReLU behind it: the way through a block of a residual network.

Between the two nothing is written but what the first convolution made: the second one sees it by way of batch
norm and ReLU, and on the way back takes the sums that batch norm needs from what is in the cache.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import Function

from cnnlab.nn.kernels import winograd_blocks
from cnnlab.nn.kernels.guard import keep, kept, once_differentiable
from cnnlab.nn.kernels.norm import Back, BatchNorm, norm_record, normalised, room_for_sums
from cnnlab.nn.kernels.winograd_norm import conv_and_scale, grad_of_conv, record_by_images


class ConvAndNorm(NamedTuple):
    """A convolution and the batch norm behind it.

    Attributes:
        kernels: K x C x 3 x 3, or 5 x 5, float32, of stride 1; K and C are multiples of `LANES`.
        norm: batch norm of K channels, whose running moments follow.
    """

    kernels: Tensor
    norm: BatchNorm


def pair_norm_relu(maps: Tensor, first: ConvAndNorm, second: ConvAndNorm, added: Tensor | None) -> Tensor:
    """Return ReLU(norm2(conv2(ReLU(norm1(conv1(maps))))) + added), N x L x H x W, channels-last.

    Args:
        maps: N x C x H x W, float32 on the CPU, channels-last; C is a multiple of `LANES`.
        first: the first two layers, C to K channels.
        second: the next two, K to L channels.
        added: N x L x H x W, channels-last, to add before the last ReLU; or None.
    """
    # Autograd sees tensors only where they are arguments of their own.
    learned = [(kernels, norm.weight, norm.bias) for kernels, norm in (first, second)]
    return _PairNormRelu.apply(maps, *learned[0], *learned[1], added, first.norm, second.norm)


class _PairNormRelu(Function):
    @staticmethod
    def forward(
        ctx: Any,
        maps: Tensor,
        kernels1: Tensor,
        weight1: Tensor,
        bias1: Tensor,
        kernels2: Tensor,
        weight2: Tensor,
        bias2: Tensor,
        added: Tensor | None,
        norm1: BatchNorm,
        norm2: BatchNorm,
    ) -> Tensor:
        conv1 = winograd_blocks.conv_record(maps, kernels1, 1)
        made1, scale1 = conv_and_scale(conv1, maps, kernels1, norm1)
        conv2 = winograd_blocks.conv_record(made1, kernels2, 1)
        made2, scale2 = conv_and_scale(conv2, made1, kernels2, norm2, (scale1[2], scale1[3]))
        out = normalised(norm_record(made2), made2, scale2, added)
        behind = None if added is None else out
        first, second = (kernels1, made1, weight1, scale1), (kernels2, made2, weight2, scale2)
        keep(ctx, maps, *first, *second, behind)
        ctx.records = conv1, conv2
        return out

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *grads: Tensor
    ) -> tuple[Tensor | None, ...]:
        maps, kernels1, made1, weight1, scale1, kernels2, made2, weight2, scale2, out = kept(ctx)
        conv1, conv2 = ctx.records
        back2 = Back.of(norm_record(made2), grads[0], made2, weight2, scale2, out)
        between = record_by_images(made1, conv2)
        grad1, sums = torch.empty_like(made1), room_for_sums(made1, between)
        passing = (scale1[2], scale1[3])
        grad_kernels2 = grad_of_conv(conv2, made1, kernels2, made2, back2, grad1, (*passing, scale1[0], sums))
        back1 = Back.by_sums(between, sums, grad1, weight1, scale1, passing)
        grad_maps = torch.empty_like(maps) if ctx.needs_input_grad[0] else None
        grad_kernels1 = grad_of_conv(conv1, maps, kernels1, made1, back1, grad_maps)
        return (
            grad_maps,
            grad_kernels1,
            back1.grad_weight,
            back1.grad_bias,
            grad_kernels2,
            back2.grad_weight,
            back2.grad_bias,
            None if out is None else back2.grad,
            None,
            None,
        )
