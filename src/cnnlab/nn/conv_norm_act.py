"""Convolution, batch norm, an addition and an activation, in few passes over memory where that can be."""

from torch import Tensor, nn

from cnnlab.nn.convolution import Conv2d, can_run, is_our_own
from cnnlab.nn.kernels import conv_norm_relu
from cnnlab.nn.kernels.winograd import MOST_OF_BLOCKS
from cnnlab.nn.norm_act import can_add, can_follow, is_watched, keep_moments, norm_act


def conv_norm_act(
    conv: nn.Module, norm: nn.Module, act: nn.Module, maps: Tensor, added: Tensor | None = None
) -> Tensor:
    """Return act(norm(conv(maps)) + added), N x K x H x W.

    In training on the CPU in float32, a convolution by Winograd's filtering, batch norm and ReLU run as one,
    with the same results to rounding; everything else, and whatever somebody has hooked onto, runs as
    `norm_act` does.
    """
    if can_join(conv, norm, act, maps) and isinstance(conv, Conv2d) and isinstance(norm, nn.BatchNorm2d):
        num, _, height, width = maps.shape
        if can_add(added, maps, (num, conv.out_channels, height, width)):
            out, mean, variance = conv_norm_relu(maps, conv.weight, norm.weight, norm.bias, added, norm.eps)
            keep_moments(norm, mean, variance, num * height * width)
            return out
    return norm_act(norm, act, conv(maps), added)


def can_join(conv: nn.Module, norm: nn.Module, act: nn.Module, maps: Tensor) -> bool:
    """Tell whether a convolution of these maps, batch norm and ReLU can run as one."""
    return (
        isinstance(conv, Conv2d)
        and conv.training
        and conv.bias is None
        and conv.groups == 1
        and conv.in_channels * conv.out_channels <= MOST_OF_BLOCKS
        and is_our_own(conv)
        and not is_watched(conv)
        and conv.is_filtering()
        and can_run(maps, conv.weight)
        and can_follow(norm, act, maps, conv.out_channels)
    )
