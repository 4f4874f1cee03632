import pytest
import torch
from torch import nn

from cnnlab.errors import ConfigError
from cnnlab.models import create_model
from cnnlab.training.pretraining.chain import stages_of


def stages(name: str, **args: object):
    return stages_of(name, create_model(name, **args).features)


def test_the_stages_of_two_networks():
    assert [(stage.name, stage.block, len(stage.following)) for stage in stages("convnet_mnist")] == [
        ("conv1", 2, 2),
        ("conv2", 2, 2),
    ]
    three = stages("alexnet_mnist3")
    assert [(stage.name, stage.block) for stage in three] == [("conv1", 2), ("conv2", 2), ("conv3", 2)]
    assert [type(layer).__name__ for layer in three[0].following] == [
        "ReLU",
        "MaxPool2d",
        "LocalResponseNorm",
        "Dropout",
    ]


def test_where_nothing_is_pooled_a_block_is_one_unit():
    """Five convolutions, of which the third and the fourth are followed by another."""
    assert [stage.block for stage in stages("alexnet_mnist5")] == [2, 2, 1, 1, 2]


@pytest.mark.parametrize(
    "name", ["lenet5", "convnet_mnist", "alexnet_mnist3", "alexnet_mnist5", "alexnet_small"]
)
def test_one_stage_after_the_other_is_the_features(name):
    network = create_model(name, image_size=32).eval()
    images = torch.randn(2, network.features[0].in_channels, 32, 32)
    maps = images
    for stage in stages_of(name, network.features):
        maps = stage.forward(maps)
    assert torch.equal(maps, network.features(images))


@pytest.mark.parametrize("name", ["resnet20", "preact_resnet20"])
def test_a_residual_network_gets_one_line(name):
    with pytest.raises(ConfigError) as caught:
        stages(name)
    message = str(caught.value)
    assert message.startswith("pretrain.method: only features that are a chain of convolutions")
    assert f"Received: {name}: its convolution 'conv1' is followed by 'norm1'." in message
    assert "pretrain.method=none" in message and "\n" not in message


@pytest.mark.parametrize(
    ("layers", "why"),
    [
        ({"flat": nn.Flatten()}, "its features begin with 'flat'"),
        ({"conv": nn.Conv2d(1, 1, 3)}, "its convolution 'conv' is the last layer"),
        (
            {"conv": nn.Conv2d(1, 1, 3), "act": nn.ReLU(), "norm": nn.BatchNorm2d(1)},
            "its layer 'norm' is a BatchNorm2d",
        ),
    ],
)
def test_what_stands_in_the_way_is_named(layers, why):
    features = nn.Sequential()
    for name, layer in layers.items():
        features.add_module(name, layer)
    with pytest.raises(ConfigError, match=why):
        stages_of("mine", features)
