"""The AlexNets of the papers: order of layers, sizes of maps, constants, starting weights."""

import math

import pytest
import torch
from torch import nn

from cnnlab.models import create_model, layers_of
from cnnlab.nn import Conv2d, LocalResponseNorm

NORMALISED = [Conv2d, nn.ReLU, LocalResponseNorm, nn.MaxPool2d]
PLAIN = [Conv2d, nn.ReLU, nn.MaxPool2d]
DROPPED_AFTER = [nn.Flatten] + [nn.Linear, nn.ReLU, nn.Dropout] * 2 + [nn.Linear]
DROPPED_BEFORE = [nn.AdaptiveAvgPool2d, nn.Flatten] + [nn.Dropout, nn.Linear, nn.ReLU] * 2 + [nn.Linear]


def build(name: str, **args: object) -> nn.Module:
    with torch.device("meta"):
        return create_model(name, **args)


@pytest.mark.parametrize(
    ("name", "layers"),
    [
        ("alexnet", NORMALISED * 2 + [Conv2d, nn.ReLU] * 2 + PLAIN + DROPPED_AFTER),
        ("alexnet_small", NORMALISED * 2 + [Conv2d, nn.ReLU] * 2 + PLAIN + DROPPED_AFTER),
        ("alexnet_owt", PLAIN * 2 + [Conv2d, nn.ReLU] * 2 + PLAIN + DROPPED_BEFORE),
    ],
)
def test_order_of_layers(name: str, layers: list[type[nn.Module]]) -> None:
    assert [type(layer) for layer in build(name).modules() if not list(layer.children())] == layers


@pytest.mark.parametrize(
    ("name", "image_size", "maps", "sizes", "dense"),
    [
        # Figure 2 of the paper: 55, 27 and 13 pixels; 227 pixels without padding would give the same.
        ("alexnet", 224, (96, 256, 384, 384, 256), (55, 27, 13, 6), (9216, 4096, 4096, 1000)),
        ("alexnet_owt", 224, (64, 192, 384, 256, 256), (55, 27, 13, 6), (9216, 4096, 4096, 1000)),
        ("alexnet_small", 32, (48, 128, 192, 192, 128), (32, 16, 8, 4), (2048, 1024, 1024, 10)),
        ("alexnet_small", 28, (48, 128, 192, 192, 128), (28, 14, 7, 4), (2048, 1024, 1024, 10)),
    ],
)
def test_maps_and_their_sizes(
    name: str,
    image_size: int,
    maps: tuple[int, ...],
    sizes: tuple[int, ...],
    dense: tuple[int, ...],
) -> None:
    shapes = {row.name.split(".")[1]: row.output_shape for row in layers_of(name, image_size=image_size).rows}
    assert [shapes[f"conv{stage}"][0] for stage in range(1, 6)] == list(maps)
    assert (shapes["conv1"][1], shapes["pool1"][1], shapes["pool2"][1], shapes["pool5"][1]) == sizes
    assert shapes["conv3"][1:] == shapes["conv5"][1:] == shapes["pool2"][1:]
    assert [shapes[place][0] for place in ("flatten", "fc1", "fc2", "fc3")] == list(dense)


def test_the_2014_network_has_as_many_weights_for_images_of_any_size() -> None:
    for image_size in (63, 224, 400):
        assert layers_of("alexnet_owt", image_size=image_size).parameters == 61_100_840


@pytest.mark.parametrize(
    ("name", "args", "constants"),
    [
        # Section 3.3: alpha is not divided there; Caffe divides its 1e-4 by the window's 5 channels.
        ("alexnet", {}, (5, 1e-4, 0.75, 2.0)),
        ("alexnet", {"constants": "caffe"}, (5, 2e-5, 0.75, 1.0)),
        ("alexnet_owt", {"lrn": True}, (5, 1e-4, 0.75, 2.0)),
        ("alexnet_small", {}, (5, 1e-4, 0.75, 2.0)),
    ],
)
def test_constants_of_normalisation(
    name: str, args: dict[str, object], constants: tuple[int, float, float, float]
) -> None:
    norms = [layer for layer in build(name, **args).modules() if isinstance(layer, LocalResponseNorm)]
    assert [(norm.size, norm.alpha, norm.beta, norm.k) for norm in norms] == [pytest.approx(constants)] * 2


def test_the_starting_weights_of_2014() -> None:
    """Its author's layer file, cuda-convnet2: layers-imagenet-1gpu.cfg."""
    torch.manual_seed(0)
    network = create_model("alexnet_owt", image_size=63, num_classes=10, init="published")
    stds = {
        "conv1": 0.01,
        "conv2": 0.01,
        "conv3": 0.03,
        "conv4": 0.03,
        "conv5": 0.03,
        "fc1": 0.01,
        "fc2": 0.01,
    }
    biases = {"conv1": 0, "conv2": 1, "conv3": 0, "conv4": 1, "conv5": 1, "fc1": 1, "fc2": 1, "fc3": -7}
    layers = dict([*network.features.named_children(), *network.head.named_children()])
    for name, bias in biases.items():
        layer = layers[name]
        assert isinstance(layer, Conv2d | nn.Linear) and layer.bias is not None
        assert layer.bias.unique().tolist() == [bias], name
        assert layer.weight.std().item() == pytest.approx(stds.get(name, 0.01), rel=0.03), name


@pytest.mark.parametrize(("constants", "bias", "hidden"), [("paper", 1.0, 0.01), ("caffe", 0.1, 0.005)])
def test_the_papers_starting_weights_and_caffes(constants: str, bias: float, hidden: float) -> None:
    """Section 5; Caffe's AlexNet has other biases, and hidden dense layers of half the deviation."""
    torch.manual_seed(0)
    network = create_model("alexnet", image_size=63, num_classes=500, constants=constants)
    layers = {
        name.split(".")[1]: layer
        for name, layer in network.named_modules()
        if isinstance(layer, Conv2d | nn.Linear)
    }
    assert list(layers) == ["conv1", "conv2", "conv3", "conv4", "conv5", "fc1", "fc2", "fc3"]
    for name, layer in layers.items():
        assert layer.bias.unique().tolist() == [pytest.approx(bias if name in BIASED else 0.0)], name
        deviation, num = hidden if name in ("fc1", "fc2") else 0.01, layer.weight.numel()
        assert layer.weight.std().item() == pytest.approx(deviation, rel=5 / math.sqrt(2 * num)), name
        assert abs(layer.weight.mean().item()) < 5 * deviation / math.sqrt(num), name


BIASED = {"conv2", "conv4", "conv5", "fc1", "fc2"}


def test_other_starting_weights_keep_the_scale_of_the_signal() -> None:
    torch.manual_seed(0)
    network = create_model("alexnet", image_size=63, num_classes=10, init="scaled")
    layers = dict(network.features.named_children()) | dict(network.head.named_children())
    # sqrt(2 / fan_in): conv2 sees its own tower's 48 maps
    assert layers["conv2"].weight.std().item() == pytest.approx(math.sqrt(2 / (48 * 25)), rel=0.01)
    assert layers["fc1"].weight.std().item() == pytest.approx(math.sqrt(2 / 256), rel=0.01)
    assert layers["fc3"].weight.std().item() == pytest.approx(0.01, rel=0.02)
    assert all(
        layer.bias.count_nonzero() == 0 for layer in layers.values() if isinstance(layer, Conv2d | nn.Linear)
    )


@pytest.mark.parametrize("groups", [1, 2])
def test_a_tower_sees_its_own_maps_only_where_there_are_two(groups: int) -> None:
    conv2 = dict(create_model("alexnet_small", groups=groups).features.named_children())["conv2"]
    maps = torch.randn(1, 48, 8, 8)
    changed = maps.clone()
    changed[:, :24] += 1.0
    moved = (conv2(maps) != conv2(changed)).flatten(2).any(2)[0]
    assert moved[:64].all()
    assert moved[64:].any() == (groups == 1)
