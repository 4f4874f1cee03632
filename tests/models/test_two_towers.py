"""AlexNet of 2012: its geometry, and its two towers as two networks that meet where the paper says."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from cnnlab.models import ImageClassifier, create_model
from cnnlab.nn import conv_output_size


def towers_apart(network: ImageClassifier, images: Tensor) -> Tensor:
    """Compute the features as the paper's two GPUs did: each holds half of the maps of every layer.

    Only conv3 reads both halves; normalisation, here, does so too.
    """
    layers = dict(network.features.named_children())

    def convolve(name: str, tower: int, maps: Tensor) -> Tensor:
        conv = layers[name]
        assert isinstance(conv, nn.Conv2d) and conv.bias is not None
        width = conv.out_channels // 2
        own = slice(tower * width, (tower + 1) * width)
        stride, padding = conv.stride[0], conv.padding[0]
        return functional.conv2d(maps, conv.weight[own], conv.bias[own], stride, padding).relu()

    def normalise_and_pool(stage: int, halves: list[Tensor]) -> list[Tensor]:
        both = layers[f"norm{stage}"](torch.cat(halves, dim=1))
        return [functional.max_pool2d(half, 3, 2) for half in both.chunk(2, dim=1)]

    halves = normalise_and_pool(1, [convolve("conv1", tower, images) for tower in (0, 1)])
    halves = normalise_and_pool(2, [convolve("conv2", tower, halves[tower]) for tower in (0, 1)])
    both = torch.cat(halves, dim=1)
    halves = [convolve("conv3", tower, both) for tower in (0, 1)]
    for name in ("conv4", "conv5"):
        halves = [convolve(name, tower, halves[tower]) for tower in (0, 1)]
    return torch.cat([functional.max_pool2d(half, 3, 2) for half in halves], dim=1)


def test_grouped_convolutions_are_two_towers_computed_apart() -> None:
    torch.manual_seed(0)
    network = create_model("alexnet", image_size=67, num_classes=2, init="scaled").eval()
    for layer in network.features.modules():
        if isinstance(layer, nn.Conv2d) and layer.bias is not None:
            nn.init.normal_(layer.bias)
    images = torch.randn(2, 3, 67, 67)
    with torch.no_grad():
        found, expected = network.features(images), towers_apart(network, images)
    assert found.shape == (2, 256, 1, 1)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5 * expected.max().item())


def test_the_halves_meet_in_conv3_and_in_the_dense_layers_only() -> None:
    with torch.device("meta"):
        layers = dict(create_model("alexnet").features.named_children())
    groups = {name: layer.groups for name, layer in layers.items() if isinstance(layer, nn.Conv2d)}
    assert groups == {"conv1": 1, "conv2": 2, "conv3": 1, "conv4": 2, "conv5": 2}


def test_maps_of_conv1_are_55x55_at_224_with_padding_and_at_227_without() -> None:
    with torch.device("meta"):
        network = create_model("alexnet")
        maps, sizes = torch.empty(1, 3, 224, 224), {}
        for name, layer in network.features.named_children():
            maps = layer(maps)
            sizes[name] = tuple(maps.shape[1:])
    assert sizes["conv1"] == (96, 55, 55)
    assert [sizes[f"pool{stage}"] for stage in (1, 2, 5)] == [(96, 27, 27), (256, 13, 13), (256, 6, 6)]
    assert conv_output_size(227, kernel=11, stride=4) == 55
    # What the paper's text says, 224 and no padding, gives 54: the reason for either remedy
    assert conv_output_size(224, kernel=11, stride=4) == 54


@pytest.mark.parametrize(("groups", "weights"), [(2, 307_200), (1, 614_400)])
def test_conv2_of_two_towers_has_half_the_weights(groups: int, weights: int) -> None:
    with torch.device("meta"):
        layer = create_model("alexnet", groups=groups).features.get_submodule("conv2")
    assert isinstance(layer, nn.Conv2d) and layer.weight.numel() == weights  # 5 * 5 * 48 or 96 * 256
