"""A convolution run both ways with the same weights: from maps to units, and from units back to maps."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class TiedConv(nn.Module):
    """The weights of a convolution, a bias for its outputs, and one for its inputs.

    Units see how maps differ from their mean: `bias` belongs to W * (v - mean), so that learning a weight
    does not move how often its unit is on (the centring trick). Behind a rectifier maps are far from a mean
    of 0, and without this many units go dead.

    Attributes:
        weight: num_units x (in_channels / groups) x k x k.
        bias: one per output channel.
        visible_bias: one per input channel; starts from the mean.
        mean: of the maps, one per input channel.

    Args:
        conv: the convolution, which stays as it is.
        mean: of the maps that it will see, one per input channel.

    Source: G. Montavon and K.-R. Mueller, "Deep Boltzmann Machines and the Centering Trick", 2012, section 2.
    """

    def __init__(self, conv: nn.Conv2d, mean: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(conv.weight.detach().clone())
        self.bias = nn.Parameter(torch.zeros_like(self.weight[:, 0, 0, 0]))
        self.visible_bias = nn.Parameter(mean.clone())
        self.mean = mean
        assert isinstance(conv.padding, tuple), conv.padding
        self._stride, self._padding, self._groups = conv.stride, conv.padding, conv.groups

    def up(self, maps: Tensor) -> Tensor:
        """Return the convolution of maps, N x in_channels x H x W, padded as in the network."""
        bias = self.bias + self.centring_bias()
        return F.conv2d(maps, self.weight, bias, self._stride, self._padding, groups=self._groups)

    def centring_bias(self) -> Tensor:
        """Return minus the convolution of the mean: what a bias on the maps themselves takes off."""
        constant = self.mean.view(1, -1, 1, 1).expand(-1, -1, *self.weight.shape[2:])
        return -F.conv2d(constant, self.weight, groups=self._groups).flatten()

    def down(self, units: Tensor, size: torch.Size) -> Tensor:
        """Return the transposed convolution of units, with the visible bias.

        Args:
            units: N x num_units x h x w, as `up` gives them.
            size: height and width of the maps; a stride leaves open how many of the last pixels there were.
        """
        size_without = (
            (count - 1) * stride - 2 * padding + kernel
            for count, stride, padding, kernel in zip(
                units.shape[2:], self._stride, self._padding, self.weight.shape[2:], strict=True
            )
        )
        missing = tuple(full - part for full, part in zip(size, size_without, strict=True))
        return F.conv_transpose2d(
            units, self.weight, self.visible_bias, self._stride, self._padding, missing, self._groups
        )


def uniform_like(maps: Tensor, generator: torch.Generator) -> Tensor:
    """Return numbers from [0, 1), N x C x H x W, with channels last in memory, on the device of the maps."""
    num, channels, height, width = maps.shape
    draws = torch.rand(num, height, width, channels, generator=generator)
    return draws.permute(0, 3, 1, 2).to(maps.device)
