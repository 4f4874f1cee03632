"""The twin in plain PyTorch is the same function, made of torch's own layers alone."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from cnnlab.bench import plain_twin
from cnnlab.models import create_model
from cnnlab.nn import Conv2d, Dropout, FusedSequential, LocalResponseNorm

OURS = (Conv2d, LocalResponseNorm, Dropout, FusedSequential)


@pytest.mark.parametrize(
    ("name", "size"),
    [("alexnet_mnist3", 28), ("alexnet_mnist5", 28), ("resnet20", 32), ("googlenet_small", 32)],
)
def test_the_same_function_of_torchs_layers(name, size):
    torch.manual_seed(0)
    network = create_model(name).eval().to(memory_format=torch.channels_last)
    twin = plain_twin(network)
    channels = next(network.parameters()).shape[1]
    images = torch.rand(2, channels, size, size).contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(twin(images), network(images), rtol=1e-4, atol=1e-5)
    assert not [layer for layer in twin.modules() if isinstance(layer, OURS)]
    assert not [layer for layer in twin.modules() if type(layer) is nn.BatchNorm2d]  # which may be fused
    assert [layer for layer in network.modules() if isinstance(layer, OURS)]


@pytest.mark.parametrize("name", ["alexnet_mnist3", "alexnet_mnist5", "resnet20"])
def test_gradients_are_as_exact_as_those_of_torchs_layers(name):
    """The kernels of a whole network, forward and backward; the measure is the same network in float64.

    Winograd's filtering is up to ten times less exact than the direct sum; `resnet20` has it in every block.
    """
    torch.manual_seed(0)
    args = {} if name == "resnet20" else {"dropout": 0.0}
    network = create_model(name, **args).train().to(memory_format=torch.channels_last)
    twin, exact = plain_twin(network), plain_twin(network).double()
    channels = next(network.parameters()).shape[1]
    images = torch.rand(8, channels, 28, 28).contiguous(memory_format=torch.channels_last)
    for model, batch in ((network, images), (twin, images), (exact, images.double())):
        functional.cross_entropy(model(batch), torch.arange(8)).backward()

    def error(mine, true):
        return (mine.grad - true.grad).norm() / true.grad.norm()

    for (layer, mine), torchs, true in zip(
        network.named_parameters(), twin.parameters(), exact.parameters(), strict=True
    ):
        assert error(mine, true) < 10 * error(torchs, true) + 1e-5, layer


def test_the_twin_has_weights_of_its_own():
    network = create_model("convnet_mnist")
    twin = plain_twin(network)
    assert list(twin.state_dict()) == list(network.state_dict())
    next(twin.parameters()).data.zero_()
    assert next(network.parameters()).abs().sum() > 0
