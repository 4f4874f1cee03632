"""The shortcut without parameters around blocks of a residual network that change the shape of their maps."""

from torch import Tensor, nn
from torch.nn import functional


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
        if self.training:
            # The means of single pixels: unlike that of a slice, their gradient keeps its channels last.
            maps = functional.avg_pool2d(maps, 1, self.stride)
        else:
            maps = maps[:, :, :: self.stride, :: self.stride]
        return functional.pad(maps, (0, 0, 0, 0, 0, self.extra_channels))
