"""Batch norm, an addition and an activation behind it, in few passes over memory where that can be."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.modules import module

from cnnlab.nn.kernels import can_take, norm_relu, norm_relu_as_known
from cnnlab.nn.kernels.norm import LANES, TYPES, BatchNorm
from cnnlab.nn.quick import is_quick, may_round

EVERYBODYS = [name for name in vars(module) if name.startswith("_global_") and name.endswith("_hooks")]
"""Names of torch's hooks on every layer there is."""


def norm_act(norm: nn.Module, act: nn.Module, maps: Tensor, added: Tensor | None = None) -> Tensor:
    """Return act(norm(maps) + added), N x C x H x W as `maps`.

    In training and in quick evaluation, on the CPU in float32 or bf16, batch norm and ReLU run as one, with
    the same results to rounding; everything else, and whatever somebody has hooked onto, runs layer by layer.
    """
    if (out := norm_act_as_one(norm, act, maps, added)) is not None:
        return out
    maps = norm(maps)
    return act(maps if added is None else maps + added)


def norm_act_as_one(
    norm: nn.Module, act: nn.Module, maps: Tensor, added: Tensor | None = None
) -> Tensor | None:
    """Return what `norm_act` does where it can run as one, else None."""
    if not (
        isinstance(norm, nn.BatchNorm2d) and can_follow(norm, act, maps) and can_add(added, maps, maps.shape)
    ):
        return None
    if norm.training:
        return norm_relu(maps, begin_batch(norm), added)
    return norm_relu_as_known(maps, *norm_as_known(norm), added)


def can_follow(norm: nn.Module, act: nn.Module, maps: Tensor, num_channels: int | None = None) -> bool:
    """Tell whether batch norm and ReLU can run as one, of so many channels, or those of maps like these.

    Nothing is asked of the maps in evaluation: where a network is traced they are none.
    """
    return (
        type(norm) is nn.BatchNorm2d
        and type(act) is nn.ReLU
        and may_round(norm)
        and norm.affine
        and norm.eps > 0  # torch refuses another one in training
        and norm.track_running_stats
        and norm.momentum is not None
        and norm.running_mean is not None
        and norm.running_var is not None
        and not is_watched(norm)
        and not is_watched(act)
        and (torch.is_grad_enabled() or is_quick())
        and can_take(
            maps,
            norm.weight,
            norm.bias,
            norm.running_mean,
            norm.running_var,
            types=TYPES,
            parameter_type=torch.float32,
        )
        and (maps.shape[1] if num_channels is None else num_channels) == norm.num_features
        and norm.num_features % LANES == 0
        # C finds these by their addresses alone
        and norm.weight.shape == norm.bias.shape == (norm.num_features,)
        and norm.running_mean.shape == norm.running_var.shape == (norm.num_features,)
        and norm.running_mean.is_contiguous()
        and norm.running_var.is_contiguous()
        and maps.numel() > maps.shape[1]
    )


def is_watched(layer: nn.Module) -> bool:
    """Tell whether somebody wants to see what goes in or out of a layer, or has put another in its place."""
    own = (layer._forward_hooks, layer._forward_pre_hooks, layer._backward_hooks, layer._backward_pre_hooks)
    return "forward" in vars(layer) or any(own) or any(getattr(module, name) for name in EVERYBODYS)


def can_add(added: Tensor | None, maps: Tensor, shape: Sequence[int]) -> bool:
    """Tell whether these can be added to what has that shape, and is like the maps."""
    return added is None or (added.shape == shape and can_take(added, types=(maps.dtype,)))


def norm_as_known(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Return what batch norm in evaluation comes to: the factor of each channel, and what is added then."""
    assert norm.running_mean is not None and norm.running_var is not None
    factor = norm.weight * (norm.running_var + norm.eps).rsqrt()
    return factor, norm.bias - norm.running_mean * factor


def begin_batch(norm: nn.BatchNorm2d) -> BatchNorm:
    """Count a batch, and return what the kernels are told of batch norm, whose running moments they move."""
    assert norm.running_mean is not None and norm.running_var is not None and norm.momentum is not None
    if norm.num_batches_tracked is not None:
        norm.num_batches_tracked.add_(1)
    return BatchNorm(norm.weight, norm.bias, norm.running_mean, norm.running_var, norm.eps, norm.momentum)
