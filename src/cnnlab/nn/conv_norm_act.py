"""Convolution, batch norm, an addition and an activation, in few passes over memory where that can be."""

import torch
from torch import Tensor, nn

from cnnlab.nn.convolution import Conv2d, can_run, is_our_own
from cnnlab.nn.kernels import conv_norm_relu
from cnnlab.nn.kernels.winograd import MOST_OF_BLOCKS
from cnnlab.nn.norm_act import begin_batch, can_add, can_follow, is_watched, norm_act, norm_as_known
from cnnlab.nn.quick import is_quick


def conv_norm_act(
    conv: nn.Module, norm: nn.Module, act: nn.Module, maps: Tensor, added: Tensor | None = None
) -> Tensor:
    """Return act(norm(conv(maps)) + added), N x K x H x W.

    In training on the CPU in float32, a convolution by Winograd's filtering, batch norm and ReLU run as one,
    with the same results to rounding; in quick evaluation the convolution does batch norm with its weights.
    Everything else, and whatever somebody has hooked onto, runs as `norm_act` does.
    """
    out = conv_norm_act_as_one(conv, norm, act, maps, added)
    return norm_act(norm, act, conv(maps), added) if out is None else out


def conv_norm_act_as_one(
    conv: nn.Module, norm: nn.Module, act: nn.Module, maps: Tensor, added: Tensor | None = None
) -> Tensor | None:
    """Return what `conv_norm_act` does where it can run as one, else None."""
    if can_fold(conv, norm, act) and isinstance(conv, Conv2d) and isinstance(norm, nn.BatchNorm2d):
        factor, offset = norm_as_known(norm)
        maps = conv._conv_forward(maps, conv.weight * factor.view(-1, 1, 1, 1), offset)
        maps = maps if added is None else maps.add_(added)
        return maps.relu_() if type(act) is nn.ReLU else act(maps)
    if can_join(conv, norm, act, maps) and isinstance(conv, Conv2d) and isinstance(norm, nn.BatchNorm2d):
        num, _, height, width = maps.shape
        if can_add(added, maps, (num, conv.out_channels, height, width)):
            return conv_norm_relu(maps, conv.weight, begin_batch(norm), added)
    return None


def can_fold(conv: nn.Module, norm: nn.Module, act: nn.Module) -> bool:
    """Tell whether the weights of a convolution can do what batch norm does, in quick evaluation."""
    return (
        is_quick()
        and isinstance(conv, Conv2d)
        and conv.bias is None
        and is_our_own(conv)
        and type(norm) is nn.BatchNorm2d
        and not norm.training
        and norm.affine
        and norm.track_running_stats
        and norm.num_features == conv.out_channels
        and not any(map(is_watched, (conv, norm, act)))
        and not torch.is_autocast_enabled("cpu")
    )


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
        and norm.training
        and can_follow(norm, act, maps, conv.weight.shape[0])
    )
