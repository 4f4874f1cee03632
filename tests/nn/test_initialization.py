"""The scale of starting weights."""

import math

import pytest
import torch
from torch import nn

from cnnlab.nn import Activation, initialize


@pytest.mark.parametrize(("activation", "gain"), [("relu", math.sqrt(2)), ("tanh", 5 / 3), ("sigmoid", 1.0)])
def test_weights_have_the_gain_of_the_activation_and_the_last_layer_starts_small(
    activation: Activation, gain: float
) -> None:
    torch.manual_seed(0)
    conv, hidden, last = nn.Conv2d(16, 64, 5), nn.Linear(400, 300), nn.Linear(300, 200)
    initialize(nn.Sequential(conv, nn.BatchNorm2d(64), hidden, last), activation)
    for layer, expected in [
        (conv, gain / math.sqrt(16 * 25)),
        (hidden, gain / math.sqrt(400)),
        (last, 0.01),
    ]:
        assert layer.weight.std().item() == pytest.approx(expected, rel=0.02)
        assert layer.weight.mean().abs().item() < 0.01
        assert layer.bias is not None and layer.bias.count_nonzero() == 0


def test_the_tutorials_standard_normal_is_for_biases_too() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(16, 64, 5), nn.Linear(400, 3000))
    initialize(network, "relu", "standard-normal")
    for layer in (network[0], network[1]):
        assert layer.weight.std().item() == pytest.approx(1.0, rel=0.02)
        assert layer.bias.count_nonzero() == layer.bias.numel()
    assert network[1].bias.std().item() == pytest.approx(1.0, rel=0.05)


def test_the_tutorials_truncated_normal_is_cut_at_two_deviations() -> None:
    torch.manual_seed(0)
    layer = nn.Linear(1000, 300)
    initialize(layer, "relu", "truncated-normal")
    assert layer.weight.abs().max().item() <= 0.2
    # A normal distribution cut at +-2 deviations has 0.8796 of its deviation.
    assert layer.weight.std().item() == pytest.approx(0.08796, rel=0.01)
    assert layer.bias.count_nonzero() == 0
