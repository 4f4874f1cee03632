"""The switches of the networks of plain layers do what they say, and nothing else."""

import pytest
import torch
from torch import nn

from cnnlab.models import create_model, model_info
from cnnlab.nn import Conv2d, Dropout, LocalResponseNorm

TUTORIALS = ["convnet_mnist", "alexnet_mnist3", "alexnet_mnist5"]
PAPERS = ["alexnet", "alexnet_owt", "alexnet_small"]
SWITCHED = TUTORIALS + PAPERS


def build(name: str, **args: object) -> nn.Module:
    """Return a network without numbers: only its layers and shapes are looked at."""
    with torch.device("meta"):
        return create_model(name, **args)


def logits_shape(network: nn.Module, name: str) -> tuple[int, ...]:
    info = model_info(name)
    images = torch.empty(2, info.in_channels, info.image_size, info.image_size, device="meta")
    return tuple(network(images).shape)


def kinds(name: str, **args: object) -> list[type[nn.Module]]:
    return [type(layer) for layer in build(name, **args).modules() if not list(layer.children())]


def test_alexnet_mnist3_is_three_times_conv_relu_pool_lrn_dropout() -> None:
    one = [Conv2d, nn.ReLU, nn.MaxPool2d, LocalResponseNorm, Dropout]
    dense = [nn.Flatten, nn.Linear, nn.ReLU, nn.Linear, nn.ReLU, nn.Linear]
    assert kinds("alexnet_mnist3") == one * 3 + dense


def test_alexnet_mnist3s_lrn_is_tensorflows_of_radius_4() -> None:
    norms = [
        layer for layer in create_model("alexnet_mnist3").modules() if isinstance(layer, LocalResponseNorm)
    ]
    assert [(norm.size, norm.alpha, norm.beta, norm.k) for norm in norms] == [(9, 0.001 / 9, 0.75, 1.0)] * 3


def test_alexnet_mnist5_normalises_before_the_first_two_poolings_if_asked() -> None:
    one = [Conv2d, nn.ReLU, LocalResponseNorm, nn.MaxPool2d]
    rest = [Conv2d, nn.ReLU] * 3 + [nn.MaxPool2d]
    dense = [nn.Flatten] + [nn.Linear, nn.ReLU, nn.Dropout] * 2 + [nn.Linear]
    assert kinds("alexnet_mnist5", lrn=True) == one * 2 + rest + dense


@pytest.mark.parametrize("name", SWITCHED)
@pytest.mark.parametrize(("activation", "kind"), [("tanh", nn.Tanh), ("sigmoid", nn.Sigmoid)])
def test_activation_replaces_every_relu(name: str, activation: str, kind: type[nn.Module]) -> None:
    swapped = [kind if layer is nn.ReLU else layer for layer in kinds(name)]
    assert kinds(name, activation=activation) == swapped


@pytest.mark.parametrize("name", SWITCHED)
def test_overlapping_pooling_changes_windows_and_no_shapes(name: str) -> None:
    for overlapping, window in ((False, 2), (True, 3)):
        network = build(name, overlapping_pool=overlapping)
        poolings = [layer for layer in network.modules() if isinstance(layer, nn.MaxPool2d)]
        assert {(layer.kernel_size, layer.stride) for layer in poolings} == {(window, 2)}
        assert logits_shape(network, name) == (2, model_info(name).num_classes)
    weights = [build(name, overlapping_pool=choice).state_dict() for choice in (False, True)]
    assert {key: value.shape for key, value in weights[0].items()} == {
        key: value.shape for key, value in weights[1].items()
    }


@pytest.mark.parametrize(
    ("name", "count"),
    [("convnet_mnist", 1), ("alexnet_mnist3", 3), ("alexnet_mnist5", 2), *((name, 2) for name in PAPERS)],
)
def test_dropout_is_the_probability_to_drop(name: str, count: int) -> None:
    rates = [layer.p for layer in build(name, dropout=0.4).modules() if isinstance(layer, nn.Dropout)]
    assert rates == [0.4] * count


BEFORE, AFTER = [LocalResponseNorm, nn.MaxPool2d], [nn.MaxPool2d, LocalResponseNorm]


@pytest.mark.parametrize(
    ("name", "place", "norm_at"),
    [
        ("alexnet_mnist3", "before-pool", BEFORE * 3),
        ("alexnet_mnist3", "after-pool", AFTER * 3),
        *((name, "before-pool", BEFORE * 2 + [nn.MaxPool2d]) for name in ["alexnet_mnist5", *PAPERS]),
        *((name, "after-pool", AFTER * 2 + [nn.MaxPool2d]) for name in ["alexnet_mnist5", *PAPERS]),
    ],
)
def test_normalisation_stands_before_or_after_pooling(name: str, place: str, norm_at: list[type]) -> None:
    found = [
        kind for kind in kinds(name, lrn=True, lrn_place=place) if kind in (LocalResponseNorm, nn.MaxPool2d)
    ]
    assert found == norm_at


@pytest.mark.parametrize("name", [name for name in SWITCHED if name != "convnet_mnist"])
def test_without_normalisation_all_else_stays(name: str) -> None:
    with_norm = [kind for kind in kinds(name, lrn=True) if kind is not LocalResponseNorm]
    assert kinds(name, lrn=False) == with_norm


@pytest.mark.parametrize("name", SWITCHED)
@pytest.mark.parametrize("overlapping", [False, True])
def test_average_pooling_replaces_every_max_pooling(name: str, overlapping: bool) -> None:
    swapped = [nn.AvgPool2d if layer is nn.MaxPool2d else layer for layer in kinds(name)]
    assert kinds(name, pool="average", overlapping_pool=overlapping) == swapped
    network = build(name, pool="average", overlapping_pool=overlapping)
    assert logits_shape(network, name) == (2, model_info(name).num_classes)


@pytest.mark.parametrize(
    ("name", "in_towers", "saved"),
    [
        # conv2: half of 128 * 64 * 9
        ("alexnet_mnist3", ["conv2"], 36_864),
        # conv2 as above; conv4: half of 256 * 256 * 9; conv5: half of 128 * 256 * 9
        ("alexnet_mnist5", ["conv2", "conv4", "conv5"], 36_864 + 294_912 + 147_456),
        # Half of 256*96*25, 384*384*9 and 256*384*9; of 192*64*25, 256*384*9 and 256*256*9; and of
        # 128*48*25, 192*192*9 and 128*192*9
        ("alexnet", ["conv2", "conv4", "conv5"], 307_200 + 663_552 + 442_368),
        ("alexnet_owt", ["conv2", "conv4", "conv5"], 153_600 + 442_368 + 294_912),
        ("alexnet_small", ["conv2", "conv4", "conv5"], 76_800 + 165_888 + 110_592),
    ],
)
def test_two_towers_halve_the_inputs_of_the_papers_layers(
    name: str, in_towers: list[str], saved: int
) -> None:
    one, two = build(name, groups=1), build(name, groups=2)
    convs = {key: layer for key, layer in two.features.named_children() if isinstance(layer, Conv2d)}
    assert [key for key, layer in convs.items() if layer.groups == 2] == in_towers
    assert sum(p.numel() for p in one.parameters()) - sum(p.numel() for p in two.parameters()) == saved


def test_a_network_in_two_towers_is_two_convolutions_computed_apart() -> None:
    conv = dict(create_model("alexnet_mnist5", groups=2).features.named_children())["conv2"]
    assert isinstance(conv, Conv2d) and conv.bias is not None
    maps = torch.randn(3, 64, 14, 14)
    halves = [
        torch.nn.functional.conv2d(
            maps[:, 32 * i : 32 * i + 32],
            conv.weight[64 * i : 64 * i + 64],
            conv.bias[64 * i : 64 * i + 64],
            padding=1,
        )
        for i in (0, 1)
    ]
    torch.testing.assert_close(conv(maps), torch.cat(halves, dim=1), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", TUTORIALS)
def test_the_tutorials_starting_weights(name: str) -> None:
    torch.manual_seed(0)
    for init, deviation in (("standard-normal", 1.0), ("truncated-normal", 0.088)):
        network = create_model(name, init=init)
        weight = dict(network.named_parameters())["head.fc1.weight"]
        assert weight.std().item() == pytest.approx(deviation, rel=0.01)


def test_lenets_papers_choices_are_its_defaults() -> None:
    assert nn.Tanh in kinds("lenet5") and nn.AvgPool2d in kinds("lenet5")
    modern = kinds("lenet5", activation="relu", pool="max")
    assert nn.ReLU in modern and nn.MaxPool2d in modern and nn.Tanh not in modern
