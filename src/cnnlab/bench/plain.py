"""The same network as PyTorch's own layers make it: what a user would write without this project."""

import copy
from collections import OrderedDict

from torch import Tensor, nn
from torch.nn import functional as F

from cnnlab.nn import Conv2d, Dropout, FusedSequential, LocalResponseNorm


class PlainNorm(nn.Module):
    """PyTorch's local response normalisation, with the constants of ours."""

    def __init__(self, norm: LocalResponseNorm) -> None:
        super().__init__()
        # PyTorch divides alpha by the size.
        self._constants = {"size": norm.size, "alpha": norm.alpha * norm.size, "beta": norm.beta, "k": norm.k}

    def forward(self, maps: Tensor) -> Tensor:
        """Normalise; N x C x H x W in and out."""
        return F.local_response_norm(maps, **self._constants)


class PlainBatchNorm(nn.BatchNorm2d):
    """PyTorch's batch norm; `nn.norm_act` leaves it and what follows to themselves."""


def plain_twin(network: nn.Module) -> nn.Module:
    """Return a copy of a network, weights included, in which every layer is PyTorch's and runs by itself."""
    return _plain(copy.deepcopy(network)).train(network.training)


def _plain(layer: nn.Module) -> nn.Module:
    if isinstance(layer, LocalResponseNorm):
        return PlainNorm(layer)
    if isinstance(layer, Dropout):
        return nn.Dropout(layer.p)
    if isinstance(layer, Conv2d):
        return _in_class(nn.Conv2d, layer)
    if type(layer) is nn.BatchNorm2d:
        return _in_class(PlainBatchNorm, layer)
    children = OrderedDict((name, _plain(child)) for name, child in layer.named_children())
    if isinstance(layer, FusedSequential):
        return nn.Sequential(children)
    for name, child in children.items():
        setattr(layer, name, child)
    return layer


def _in_class(kind: type[nn.Module], layer: nn.Module) -> nn.Module:
    """Return a layer of that class with all that `layer` has."""
    twin = kind.__new__(kind)
    twin.__dict__.update(layer.__dict__)
    return twin
