"""torch.compile sees a network as one graph: a break would send maps through Python at each block."""

import copy

import pytest
import torch

from cnnlab.models import create_model, model_info

WITHOUT_DROPOUT = ["convnet_cifar10", "convnet_fast", "lenet5", "preact_resnet20", "resnet20"]
WITH_DROPOUT = ["alexnet_mnist3", "alexnet_mnist5", "convnet_mnist"]


def compiled(network):
    torch._dynamo.reset()
    return torch.compile(network, fullgraph=True, backend="eager")  # a break raises


def images_for(name):
    info = model_info(name)
    images = torch.randn(4, info.in_channels, info.image_size, info.image_size)
    return images.contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("name", [*WITHOUT_DROPOUT, *WITH_DROPOUT])
def test_the_values_in_evaluation(name):
    network = create_model(name).to(memory_format=torch.channels_last).eval()
    images = images_for(name)
    with torch.no_grad():
        torch.testing.assert_close(compiled(network)(images), network(images))


@pytest.mark.parametrize("name", WITHOUT_DROPOUT)
def test_values_and_gradients_in_training(name):
    network = create_model(name).to(memory_format=torch.channels_last).train()
    other, images = copy.deepcopy(network), images_for(name)
    logits, expected = compiled(network)(images), other(images)
    torch.testing.assert_close(logits, expected, rtol=1e-3, atol=1e-3)
    for one in (logits, expected):
        one.logsumexp(1).sum().backward()
    for mine, theirs in zip(network.parameters(), other.parameters(), strict=True):
        if theirs.requires_grad:
            close = 1e-2 * max(theirs.grad.abs().max().item(), 1e-3)
            torch.testing.assert_close(mine.grad, theirs.grad, rtol=0, atol=close)


@pytest.mark.parametrize("name", WITH_DROPOUT)
def test_dropout_in_training(name):
    """It breaks no graph, and gradients come through it."""
    network = create_model(name).to(memory_format=torch.channels_last).train()
    compiled(network)(images_for(name)).square().sum().backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in network.parameters())
