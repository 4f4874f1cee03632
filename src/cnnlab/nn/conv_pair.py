"""Two convolutions, each with batch norm and an activation behind it, as one where that can be."""

from typing import NamedTuple

from torch import Tensor, nn

from cnnlab.nn.conv_norm_act import can_join, conv_norm_act
from cnnlab.nn.convolution import Conv2d
from cnnlab.nn.kernels import pair_norm_relu
from cnnlab.nn.kernels.winograd_pair import ConvAndNorm
from cnnlab.nn.norm_act import begin_batch, can_add


class ConvNormAct(NamedTuple):
    """Three layers, of which each takes what the one before makes."""

    conv: nn.Module
    norm: nn.Module
    act: nn.Module


def conv_pair(first: ConvNormAct, second: ConvNormAct, maps: Tensor, added: Tensor | None = None) -> Tensor:
    """Return act2(norm2(conv2(act1(norm1(conv1(maps))))) + added), N x K x H x W.

    In training on the CPU in float32, where both convolutions go by Winograd's filtering and keep the shape
    of the maps, all run as one, with the same results to rounding; everything else runs as `conv_norm_act`
    does.
    """
    if can_pair(first, second, maps, added):
        return pair_norm_relu(maps, _layers(first), _layers(second), added)
    return conv_norm_act(*second, conv_norm_act(*first, maps), added)


def can_pair(first: ConvNormAct, second: ConvNormAct, maps: Tensor, added: Tensor | None) -> bool:
    """Tell whether all can run as one; since the maps keep their shape, they also stand for those between."""
    return (
        isinstance(first.conv, Conv2d)
        and isinstance(second.conv, Conv2d)
        and first.norm is not second.norm
        and can_join(*first, maps)
        and can_join(*second, maps)
        and len({*first.conv.weight.shape[:2], *second.conv.weight.shape[:2]}) == 1
        and can_add(added, maps, maps.shape)
    )


def _layers(layers: ConvNormAct) -> ConvAndNorm:
    conv, norm, _ = layers
    assert isinstance(conv, Conv2d) and isinstance(norm, nn.BatchNorm2d)
    return ConvAndNorm(conv.weight, begin_batch(norm))
