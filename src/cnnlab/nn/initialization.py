"""Starting weights that keep the scale of the signal from layer to layer."""

from torch import nn

from cnnlab.nn.activation import Activation


def initialize(network: nn.Module, activation: Activation) -> None:
    """Fill the weights of all convolutions and dense layers; biases become 0.

    Weights come from a normal distribution with standard deviation gain / sqrt(fan_in). The gain is that of
    the activation (ReLU sqrt(2), tanh 5/3, sigmoid 1); the last dense layer, which no activation follows,
    has gain 1, so that training starts near the loss of a guess. Other layers stay as they are.

    Args:
        network: changed in place.
        activation: the function that follows its layers.

    Source: He et al., "Delving Deep into Rectifiers", arXiv:1502.01852, section 2.2.
    """
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    last = layers[-1]
    for layer in layers:
        follows = "linear" if layer is last and isinstance(layer, nn.Linear) else activation
        nn.init.kaiming_normal_(layer.weight, nonlinearity=follows)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
