"""The speed-runs' network: what it starts from."""

import pytest
import torch
from torch import nn

from cnnlab.config import RunConfig
from cnnlab.data import load_data
from cnnlab.errors import GeometryError
from cnnlab.models import StartsFromImages, create_model
from cnnlab.nn import whitening_filters
from cnnlab.training import TrainingLap


def test_first_channels_pass_through_and_the_norms_scales_stay():
    network = create_model("convnet_cifar10", width1=32, width2=40, width3=48)
    group = network.features.group2
    assert isinstance(group, nn.Module)
    kernel = group.conv1.weight.detach()  # 40 x 32 x 3 x 3
    assert torch.equal(kernel[:32, :, 1, 1], torch.eye(32)) and kernel[:32].abs().sum() == 32
    assert kernel[32:].abs().min() > 0
    fixed = [name for name, parameter in network.named_parameters() if not parameter.requires_grad]
    assert "features.whiten.weight" in fixed and len(fixed) == 1 + 6


def test_three_convolutions_add_the_maps_after_pooling():
    network = create_model("convnet_cifar10", width1=8, width2=8, width3=8, depth=3).eval()
    group = network.features.group1
    with torch.no_grad():
        group.conv3.weight.zero_()
        maps = torch.randn(2, 24, 31, 31)
        first = group.act1(group.norm1(group.pool1(group.conv1(maps))))
        torch.testing.assert_close(group(maps), group.act3(first))


def test_training_begins_with_filters_that_whiten():
    values = {
        "threads": 1,
        "precision": "float32",
        "model": {"name": "convnet_cifar10", "args": {"width1": 8, "width2": 8, "width3": 8}},
        "data": {"name": "synthetic:3x16x16x300"},
        "train": {"epochs": 1, "batch_size": 20},
    }
    train = load_data("synthetic:3x16x16x300")["train"]
    lap = TrainingLap(RunConfig.from_dict(values, source="test"), train)
    assert isinstance(lap.model, StartsFromImages)
    filters = lap.model.features.whiten.weight.detach().clone()
    images = train.images.float() / 255
    images = (images - images.mean((0, 2, 3), keepdim=True)) / images.std((0, 2, 3), keepdim=True)
    torch.testing.assert_close(filters, whitening_filters(images, 2), rtol=1e-3, atol=1e-3)
    lap(2)
    assert torch.equal(lap.model.features.whiten.weight, filters)


def test_a_single_pixel_is_not_pooled():
    for size, pixels in ((9, 1), (8, 1), (2, 1), (32, 3)):
        network = create_model("convnet_cifar10", image_size=size).eval()
        assert network.features(torch.zeros(1, 3, size, size)).shape == (1, 256, pixels, pixels)
    with pytest.raises(GeometryError, match=r"at least 2x2 pixels\. Received: image_size=1"):
        create_model("convnet_cifar10", image_size=1)
