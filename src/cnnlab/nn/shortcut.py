"""The shortcut without parameters around blocks of a residual network that change the shape of their maps."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import Function
from torch.nn import functional

from cnnlab.nn.kernels.guard import is_recorded


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
        if self.training and torch.is_grad_enabled() and not is_recorded():
            return _Padded.apply(maps, self.stride, self.extra_channels)
        maps = maps[:, :, :: self.stride, :: self.stride]
        return functional.pad(maps, (0, 0, 0, 0, 0, self.extra_channels))


class _Padded(Function):
    """The same; unlike that of a slice, the gradient of channels-last maps has its channels last too."""

    @staticmethod
    def forward(ctx: Any, maps: Tensor, stride: int, extra_channels: int) -> Tensor:
        is_nhwc = maps.is_contiguous(memory_format=torch.channels_last)
        ctx.layout = torch.channels_last if is_nhwc else torch.contiguous_format
        ctx.shape, ctx.stride = maps.shape, stride
        num, channels = maps.shape[:2]
        thinned = maps[:, :, ::stride, ::stride]
        shape = (num, channels + extra_channels, *thinned.shape[2:])
        padded = torch.empty(shape, dtype=maps.dtype, device=maps.device, memory_format=ctx.layout)
        padded[:, :channels] = thinned
        padded[:, channels:] = 0
        return padded

    @staticmethod
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *grads: Tensor
    ) -> tuple[Tensor, None, None]:
        grad = grads[0]
        spread = torch.empty(ctx.shape, dtype=grad.dtype, device=grad.device, memory_format=ctx.layout)
        spread.zero_()[:, :, :: ctx.stride, :: ctx.stride] = grad[:, : ctx.shape[1]]
        return spread, None, None
