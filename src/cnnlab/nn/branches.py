"""Chains of layers side by side, as in an Inception module."""

from collections import OrderedDict

import torch
from torch import Tensor, nn


class Branches(nn.Module):
    """Give the same maps to several chains of layers and put what comes out one after the other.

    Args:
        branches: the chains by name; all must put out maps of the same height and width.
    """

    def __init__(self, branches: OrderedDict[str, nn.Sequential]) -> None:
        super().__init__()
        for name, branch in branches.items():
            self.add_module(name, branch)

    def forward(self, maps: Tensor) -> Tensor:
        """Return N x (the sum of the branches' channels) x h x w from N x in_channels x H x W."""
        return torch.cat([branch(maps) for branch in self.children()], dim=1)
