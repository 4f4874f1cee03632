"""Starting weights that keep the scale of the signal from layer to layer."""

from torch import nn

from cnnlab.nn.activation import Activation

LAST_STD = 0.01
"""Standard deviation of the last dense layer's weights, as in the AlexNet paper, section 5."""


def initialize(network: nn.Module, activation: Activation) -> None:
    """Fill the weights of all convolutions and dense layers; biases become 0.

    Weights come from a normal distribution with standard deviation gain / sqrt(fan_in), where the gain is
    that of the activation: ReLU sqrt(2), tanh 5/3, sigmoid 1. The last dense layer's have standard deviation
    0.01, so that training starts at the loss of a guess. Other layers stay as they are.

    Args:
        network: changed in place.
        activation: the function that follows its layers.

    Source: He et al., "Delving Deep into Rectifiers", arXiv:1502.01852, section 2.2.
    """
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    for layer in layers:
        if layer is layers[-1] and isinstance(layer, nn.Linear):
            nn.init.normal_(layer.weight, std=LAST_STD)
        else:
            nn.init.kaiming_normal_(layer.weight, nonlinearity=activation)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
