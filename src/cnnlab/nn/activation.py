"""The three activation functions whose comparison made the history of these networks."""

from typing import Literal

from torch import nn

Activation = Literal["relu", "tanh", "sigmoid"]
"""The value of a network's `activation` argument."""


def make_activation(name: Activation) -> nn.Module:
    """Return the layer of a name; it works out of place, so that its input can still be looked at."""
    layers = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}
    assert name in layers, name
    return layers[name]()
