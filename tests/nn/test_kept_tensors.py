"""What kernels keep for the way back, brought back by autograd's hooks in another layout."""

import pytest
import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from cnnlab.models import create_model
from cnnlab.nn import Conv2d

HOOKS = {
    "through numpy": (lambda kept: kept.detach().numpy().copy(), torch.from_numpy),
    "contiguous": (lambda kept: kept.detach().contiguous(), lambda kept: kept),
    "turned": (lambda kept: kept.detach().mT.contiguous().mT if kept.dim() > 1 else kept, lambda kept: kept),
}


def gradients(network: nn.Module, images: Tensor) -> list[Tensor]:
    network.zero_grad()
    torch.manual_seed(1)  # of dropout
    network(images).square().sum().backward()
    return [one.grad.clone() for one in network.parameters() if one.grad is not None]


@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize("name", ["lenet5", "convnet_mnist", "alexnet_mnist3", "resnet20"])
def test_gradients_are_the_same(name, hook):
    torch.manual_seed(0)
    network = create_model(name, in_channels=1).to(memory_format=torch.channels_last)
    images = torch.rand(4, 1, 28, 28).contiguous(memory_format=torch.channels_last)
    expected = gradients(network, images)
    pack, unpack = HOOKS[hook]
    with saved_tensors_hooks(pack, unpack):
        found = gradients(network, images)
    assert expected
    for theirs, ours in zip(expected, found, strict=True):
        # Torch's own layers take another way for another layout, and round otherwise
        assert float((ours - theirs).norm()) <= 1e-5 * float(theirs.norm())


@pytest.mark.parametrize("stride", [1, 2])
def test_a_negative_view_as_gradient(stride):
    torch.manual_seed(0)
    layer = Conv2d(16, 16, 3, stride=stride, padding=1).to(memory_format=torch.channels_last)
    maps = torch.rand(2, 16, 12, 12).contiguous(memory_format=torch.channels_last)
    found = []
    for is_negative in (False, True):
        layer.zero_grad()
        answer = layer(maps)
        gradient = torch.rand(answer.shape, generator=torch.Generator().manual_seed(2))
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        answer.backward(-torch._neg_view(gradient) if not is_negative else torch._neg_view(-gradient))
        assert layer.weight.grad is not None
        found.append(layer.weight.grad.clone())
    assert torch.equal(*found)
