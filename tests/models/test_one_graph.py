"""torch.compile sees each network as one graph: a break would send maps through Python at each block."""

import pytest
import torch

from cnnlab.models import create_model, model_info

NETWORKS = ["alexnet_mnist3", "alexnet_mnist5", "convnet_cifar10", "lenet5", "preact_resnet20", "resnet20"]


@pytest.mark.parametrize("is_training", [True, False])
@pytest.mark.parametrize("name", NETWORKS)
def test_one_graph_of_the_same_values(name, is_training):
    torch._dynamo.reset()
    info = model_info(name)
    network = create_model(name).to(memory_format=torch.channels_last).train(is_training)
    compiled = torch.compile(network, fullgraph=True, backend="eager")  # a break raises
    images = torch.randn(2, info.in_channels, info.image_size, info.image_size)
    images = images.contiguous(memory_format=torch.channels_last)
    with torch.set_grad_enabled(is_training):
        torch.manual_seed(1)
        logits = compiled(images)
    if is_training:
        logits.square().sum().backward()
        assert all(
            parameter.grad.isfinite().all() for parameter in network.parameters() if parameter.requires_grad
        )
    else:
        torch.testing.assert_close(logits, network(images))
