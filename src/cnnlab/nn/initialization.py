"""Starting weights: those that keep the scale of the signal, and those of the tutorials."""

from typing import Literal

from torch import nn

from cnnlab.nn.activation import Activation

LAST_STD = 0.01
"""Standard deviation of the last dense layer's weights, as in the AlexNet paper, section 5."""

TRUNCATED_STD = 0.1
"""Of the tutorials' truncated normal distribution; nothing is drawn beyond twice as much."""

Init = Literal["scaled", "standard-normal", "truncated-normal"]
"""The value of a network's `init` argument, see `initialize`."""


def initialize(network: nn.Module, activation: Activation, init: Init = "scaled") -> None:
    """Fill the weights and biases of all convolutions and dense layers; other layers stay as they are.

    A network of shapes alone (the meta device) stays as it is.

    Args:
        network: changed in place.
        activation: the function that follows its layers.
        init: `scaled`: weights from a normal distribution with standard deviation gain / sqrt(fan_in), where
            the gain is that of the activation (ReLU sqrt(2), tanh 5/3, sigmoid 1), the last dense layer's
            with 0.01, so that training starts at the loss of a guess; biases 0. `standard-normal`: weights
            and biases from N(0, 1), as TensorFlow's `random_normal` draws them if nobody says otherwise:
            each layer multiplies the signal by sqrt(fan_in) or so. `truncated-normal`: weights from N(0,
            0.1), cut at twice the deviation; biases 0.

    Source: He et al., "Delving Deep into Rectifiers", arXiv:1502.01852, section 2.2, for `scaled`.
    """
    if is_shapes_alone(network):
        return
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    for layer in layers:
        if init == "standard-normal":
            nn.init.normal_(layer.weight)
            if layer.bias is not None:
                nn.init.normal_(layer.bias)
            continue
        if init == "truncated-normal":
            bound = 2 * TRUNCATED_STD
            nn.init.trunc_normal_(layer.weight, std=TRUNCATED_STD, a=-bound, b=bound)
        elif layer is layers[-1] and isinstance(layer, nn.Linear):
            nn.init.normal_(layer.weight, std=LAST_STD)
        else:
            nn.init.kaiming_normal_(layer.weight, nonlinearity=activation)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


def is_shapes_alone(network: nn.Module) -> bool:
    """Tell whether the network's tensors have no memory (the meta device).

    Drawing numbers for such a network changes nothing, and loads torch's compiler: two seconds.
    """
    return any(parameter.is_meta for parameter in network.parameters())
