"""Quick evaluation: torch's results to rounding, and torch's to the bit again afterwards."""

import pytest
import torch
from torch import nn

from cnnlab.models import create_model
from cnnlab.nn import Conv2d, quick_evaluation
from cnnlab.nn.quick import is_quick

NETWORKS = {
    "convnet_fast": {},
    "convnet_cifar10": {"activation": "relu", "width1": 16, "width2": 16, "width3": 32},
    "convnet_cifar10 deep": {"activation": "gelu", "width1": 16, "width2": 16, "width3": 32, "depth": 3},
    "alexnet_mnist3": {},
    "resnet20": {},
    "lenet5": {},
}


def trained_a_bit(name, images):
    """A network whose running moments are those of images, and whose norms have factors of either sign."""
    torch.manual_seed(0)
    args = NETWORKS[name]
    model = create_model(name.split()[0], in_channels=1, image_size=28, **args)
    model = model.to(memory_format=torch.channels_last).train()
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.uniform_(layer.weight, -1, 1)
            nn.init.normal_(layer.bias)
    with torch.no_grad():
        model(images)
    return model.eval()


@pytest.mark.parametrize("name", NETWORKS)
@torch.no_grad()
def test_as_torch_but_for_rounding(name):
    images = torch.randn(20, 1, 28, 28).contiguous(memory_format=torch.channels_last)
    model = trained_a_bit(name, images)
    expected = model(images)
    with quick_evaluation():
        quick = model(images)
    torch.testing.assert_close(quick, expected, rtol=1e-3, atol=1e-4 * float(expected.abs().max()))
    assert torch.equal(model(images), expected)


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("name", ["convnet_fast", "resnet20"])
@torch.no_grad()
def test_no_convolution_of_few_channels_is_left_to_torch(name, monkeypatch):
    images = torch.randn(20, 1, 28, 28).contiguous(memory_format=torch.channels_last)
    model, left = trained_a_bit(name, images), []
    plain = nn.Conv2d._conv_forward

    def note(conv, *arguments):
        left.append(conv)
        return plain(conv, *arguments)

    monkeypatch.setattr(nn.Conv2d, "_conv_forward", note)
    with quick_evaluation():
        model(images)
    assert not left
    model(images)
    assert len(left) == sum(isinstance(layer, Conv2d) for layer in model.modules())


@torch.no_grad()
def test_who_watches_a_layer_sees_it():
    images = torch.randn(20, 1, 28, 28).contiguous(memory_format=torch.channels_last)
    model, seen = trained_a_bit("convnet_fast", images), []
    expected = model(images)
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.register_forward_hook(lambda *_: seen.append(1))
    with quick_evaluation():
        torch.testing.assert_close(model(images), expected, rtol=1e-3, atol=1e-3)
    assert len(seen) == 3


def test_with_gradients_nothing_changes():
    images = torch.randn(20, 1, 28, 28).contiguous(memory_format=torch.channels_last)
    model = trained_a_bit("convnet_cifar10", images)
    expected = model(images)
    with quick_evaluation():
        assert torch.equal(model(images), expected)


def test_it_ends_with_its_block():
    with torch.no_grad():
        with pytest.raises(ZeroDivisionError), quick_evaluation():
            assert is_quick()
            _ = 1 / 0
        assert not is_quick()
