"""The shortcut without parameters around blocks of a residual network that change the shape of their maps."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import Function
from torch.nn import functional

from cnnlab.nn.kernels.guard import is_transformed
from cnnlab.nn.kernels.parallel import empty_maps


class PadShortcut(nn.Module):
    """Option A: every `stride`-th pixel, and channels of zeros after the old ones; no parameters.

    Args:
        in_channels: channels that come in.
        out_channels: channels that go out, at least as many.
        stride: from one pixel that stays to the next.

    Source: He et al., "Deep Residual Learning for Image Recognition", arXiv:1512.03385, section 3.3.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.extra_channels, self.stride = out_channels - in_channels, stride

    def forward(self, maps: Tensor) -> Tensor:
        """Return N x out_channels x h x w from N x in_channels x H x W."""
        if torch.is_grad_enabled() and maps.requires_grad and not is_transformed():
            return _Padded.apply(maps, self.stride, self.extra_channels)
        maps = maps[:, :, :: self.stride, :: self.stride]
        return functional.pad(maps, (0, 0, 0, 0, 0, self.extra_channels))


class _Padded(Function):
    """The same; unlike that of a slice, the gradient of channels-last maps has its channels last too."""

    @staticmethod
    def forward(ctx: Any, maps: Tensor, stride: int, extra_channels: int) -> Tensor:
        ctx.like, ctx.stride = maps.detach(), stride
        channels = maps.shape[1]
        thinned = maps[:, :, ::stride, ::stride]
        shape = (len(maps), channels + extra_channels, *thinned.shape[2:])
        padded = empty_maps(shape, like=maps)
        padded[:, :channels] = thinned
        padded[:, channels:] = 0
        return padded

    @staticmethod
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *grads: Tensor
    ) -> tuple[Tensor, None, None]:
        spread = torch.zeros_like(ctx.like)
        spread[:, :, :: ctx.stride, :: ctx.stride] = grads[0][:, : ctx.like.shape[1]]
        return spread, None, None
