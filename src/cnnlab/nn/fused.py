"""Layers one after another, of which neighbours run as one where a kernel does all of them in one pass."""

from collections.abc import Sequence
from itertools import takewhile
from math import prod

import numpy as np
import torch
from torch import Tensor, nn

from cnnlab.nn.conv_norm_act import conv_norm_act_as_one
from cnnlab.nn.convolution import Conv2d, is_our_own, type_of_maps
from cnnlab.nn.dropout import Dropout, draw_noise
from cnnlab.nn.kernels import MAX_CHANNELS, MAX_REACH, Stage, can_take, run_opening, run_stage
from cnnlab.nn.kernels.stage import TYPES
from cnnlab.nn.lrn import LocalResponseNorm
from cnnlab.nn.max_pool import pool_as_one
from cnnlab.nn.norm_act import is_watched, norm_act_as_one
from cnnlab.nn.quick import may_round


class FusedSequential(nn.Sequential):
    """`nn.Sequential`, with ReLU, pooling, LRN and dropout behind a convolution done in one pass.

    A convolution of few channels takes ReLU and pooling into its own pass, and the first of a network, from
    few channels to many, all of that; batch norm and ReLU run as one, with the convolution before them where
    that goes by Winograd's filtering; other max pooling has a kernel of its own.

    Which layers those are is looked up at every call, so that layers can be replaced and watched: where
    somebody has hooked onto one of them, and wherever the kernels cannot run (another device, another type of
    numbers, no compiler), each layer runs by itself, with the same results to rounding.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Run all layers."""
        layers = list(self)
        index = 0
        while index < len(layers):
            # Questions that cost much are asked only of layers that could run as one: with one image, asking
            # all of every layer takes as long as the layers.
            layer, after = layers[index], layers[index + 1] if index + 1 < len(layers) else None
            num, kind = 0, type(layer)
            if isinstance(layer, Conv2d) and may_round(layer):
                if num := find_narrow(layers[index:], input):
                    input = _run_narrow(layer, input, num)
                elif (out := _run_with_norm(layers[index : index + 3], input)) is not None:
                    num, input = 3, out
                elif (found := find_opening(layers[index:], input))[0]:
                    num, input = found[0], _run_opening(layer, input, found[1])
            elif kind is nn.BatchNorm2d and may_round(layer) and after is not None:
                if (out := norm_act_as_one(layer, after, input)) is not None:
                    num, input = 2, out
            elif kind is nn.ReLU and type(after) in (nn.MaxPool2d, LocalResponseNorm) and can_run(input):
                num, stage = find_stage(layers[index:], input)
                input = _run_stage(input, stage) if num else input
            elif kind is nn.MaxPool2d and (out := pool_as_one(layer, input)) is not None:
                num, input = 1, out
            if not num:
                num, input = 1, layer(input)
            index += num
        return input


def _run_narrow(conv: Conv2d, maps: Tensor, num_layers: int) -> Tensor:
    return conv.narrow_forward(maps, conv.weight, conv.bias, is_pooled=True, is_rectified=num_layers == 3)


def _run_stage(maps: Tensor, stage: Stage) -> Tensor:
    return run_stage(maps, stage, _noise_for(maps.shape, stage))


def _run_opening(conv: Conv2d, images: Tensor, stage: Stage) -> Tensor:
    pad, dtype = conv.padding[0], type_of_maps(images)
    assert isinstance(pad, int)
    noise = _noise_for(conv_shape(conv, images), stage)
    # Factors are rounded to bf16 where torch would do so, which leaves those of float32 as they are. What is
    # added to their products, the bias, need not be.
    images, weight = (factor.to(dtype).float() for factor in (images, conv.weight))
    return run_opening(images, weight, conv.bias, pad=pad, stage=stage, noise=noise, dtype=dtype)


def _noise_for(shape: torch.Size, stage: Stage) -> np.ndarray | None:
    """Return the noise of a stage behind maps of that shape; None if it drops nothing."""
    return draw_noise(prod(stage.shape_after(shape))) if stage.drop > 0 else None


def can_run(maps: Tensor) -> bool:
    """Tell whether the kernel can take these maps."""
    return can_take(maps, types=TYPES) and maps.shape[1] <= MAX_CHANNELS


def find_stage(layers: Sequence[nn.Module], maps: Tensor) -> tuple[int, Stage]:
    """Return how many of the first layers one pass over these maps does, and what it does; 0 if none."""
    return _find_stage(layers, maps.shape)


def find_opening(layers: Sequence[nn.Module], images: Tensor) -> tuple[int, Stage]:
    """Return how many layers one pass over images does, and the stage behind the convolution; 0 if none."""
    conv, *others = layers[:5]
    if (
        not isinstance(conv, Conv2d)
        or not is_our_own(conv)
        or is_watched(conv)
        or not conv.is_opening(images)
    ):
        return 0, Stage()
    num, stage = _find_stage(others, conv_shape(conv, images))
    return (num + 1, stage) if num and stage.pools else (0, Stage())


def _find_stage(layers: Sequence[nn.Module], shape: torch.Size) -> tuple[int, Stage]:
    free = list(takewhile(lambda layer: not is_watched(layer), layers[:4]))
    if len(free) < 2 or type(free[0]) is not nn.ReLU:
        return 0, Stage()
    pools = _halves(free[1], shape)
    num, lrn, drop = 1 + pools, None, 0.0
    if num < len(free) and type(norm := free[num]) is LocalResponseNorm and _is_usual(norm):
        lrn = (norm.size, norm.alpha, norm.k)
        num += 1
    if not pools and lrn is None:
        return 0, Stage()
    if num < len(free) and type(dropout := free[num]) is Dropout:
        drop = dropout.p if dropout.training else 0.0
        num += 1
    return num, Stage(lrn, drop, pools)


def find_narrow(layers: Sequence[nn.Module], maps: Tensor) -> int:
    """Return how many layers a convolution of few channels does in its pass: pooling, or ReLU and pooling.

    0 where the first is no such convolution, and where LRN or dropout follow, which go with the pooling.
    """
    conv, *others = layers[:5]
    if not isinstance(conv, Conv2d) or not is_our_own(conv) or is_watched(conv) or not conv.is_narrow(maps):
        return 0
    shape = conv_shape(conv, maps)
    after = next((place for place, layer in enumerate(others) if type(layer) is nn.MaxPool2d), 2)
    before = others[:after]
    if [type(layer) for layer in before] not in ([], [nn.ReLU]) or len(others) <= after:
        return 0
    if not _halves(others[after], shape) or any(map(is_watched, others[: after + 1])):
        return 0
    follows = others[after + 1 : after + 2]
    if any(isinstance(layer, LocalResponseNorm | Dropout) for layer in follows):
        return 0
    return after + 2


def _run_with_norm(layers: Sequence[nn.Module], maps: Tensor) -> Tensor | None:
    """Run a convolution, batch norm and ReLU as one, if these are that and can be; else return None."""
    if len(layers) < 3 or type(layers[1]) is not nn.BatchNorm2d:
        return None
    conv, norm, act = layers
    return conv_norm_act_as_one(conv, norm, act, maps)


def conv_shape(conv: Conv2d, maps: Tensor) -> torch.Size:
    """Return the shape of what a convolution makes of maps."""
    pad, kernel, stride = int(conv.padding[0]), conv.kernel_size[0], conv.stride[0]
    sides = ((side + 2 * pad - kernel) // stride + 1 for side in maps.shape[2:])
    return torch.Size((len(maps), conv.out_channels, *sides))


def _halves(layer: nn.Module, shape: torch.Size) -> bool:
    """Tell whether pooling maps of this shape leaves half of each side, rounded up."""
    return (
        type(layer) is nn.MaxPool2d
        and (layer.kernel_size, layer.stride, layer.padding, layer.dilation) == (2, 2, 0, 1)
        and (layer.ceil_mode or not (shape[2] % 2 or shape[3] % 2))
        and not layer.return_indices
    )


def _is_usual(norm: LocalResponseNorm) -> bool:
    return norm.beta == 0.75 and norm.size <= MAX_REACH
