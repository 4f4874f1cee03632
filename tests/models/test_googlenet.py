"""GoogLeNet in both sizes: its modules against a slow reference, its poolings, its auxiliary heads."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from cnnlab.models import create_model, layers_of
from cnnlab.nn import LocalResponseNorm

NAMES = ["googlenet", "googlenet_small"]


def build(name: str, **args: object) -> nn.Module:
    with torch.device("meta"):
        return create_model(name, **args)


def by_name(network: nn.Module) -> dict[str, nn.Module]:
    return dict(network.features.named_children())


# --- the layers -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "image_size", "sizes"),
    [
        # Table 1: 56, 28, 14 and 7 pixels after the poolings
        ("googlenet", 224, {"conv1": 112, "pool1": 56, "pool2": 28, "pool3": 14, "pool4": 7}),
        ("googlenet_small", 32, {"conv1": 32, "pool1": 16, "pool3": 8, "pool4": 4}),
        ("googlenet_small", 28, {"conv1": 28, "pool1": 14, "pool3": 7, "pool4": 4}),
    ],
)
def test_sizes_of_maps(name: str, image_size: int, sizes: dict[str, int]) -> None:
    shapes = {row.name: row.output_shape for row in layers_of(name, image_size=image_size).rows}
    assert {place: shapes[f"features.{place}"][1] for place in sizes} == sizes


@pytest.mark.parametrize(("name", "share"), [("googlenet", 1), ("googlenet_small", 2)])
def test_maps_after_each_module(name: str, share: int) -> None:
    """The column `output size` of table 1, and half of it."""
    published = {"3a": 256, "3b": 480, "4a": 512, "4b": 512, "4c": 512, "4d": 528, "4e": 832, "5a": 832}
    published |= {"5b": 1024}
    found: dict[str, int] = {}
    for row in layers_of(name).rows:
        parts = row.name.split(".")
        if parts[1].startswith("inception") and parts[-1] == "conv":
            module = parts[1].removeprefix("inception")
            found[module] = found.get(module, 0) + row.output_shape[0]
    assert found == {module: width // share for module, width in published.items()}


def test_normalisation_is_where_figure_3_has_it() -> None:
    layers = list(by_name(build("googlenet")))
    assert layers[:10] == [
        *("conv1", "conv1_act", "pool1", "norm1"),
        *("reduce2", "reduce2_act", "conv2", "conv2_act", "norm2", "pool2"),
    ]
    assert layers[10:] == [
        *("inception3a", "inception3b", "pool3"),
        *(f"inception4{letter}" for letter in "abcde"),
        *("pool4", "inception5a", "inception5b"),
    ]
    norms = [layer for layer in build("googlenet").modules() if isinstance(layer, LocalResponseNorm)]
    constants = pytest.approx((5, 2e-5, 0.75, 1.0))
    assert [(norm.size, norm.alpha, norm.beta, norm.k) for norm in norms] == [constants] * 2


@pytest.mark.parametrize("name", NAMES)
def test_batch_norm_follows_every_convolution_and_replaces_other_normalisation(name: str) -> None:
    network = build(name, batch_norm=True, aux=True)
    leaves = [layer for layer in network.modules() if not list(layer.children())]
    places = [index for index, layer in enumerate(leaves) if isinstance(layer, nn.Conv2d)]
    assert len(places) == (57 + 2 if name == "googlenet" else 55 + 2)
    assert all(isinstance(leaves[place + 1], nn.BatchNorm2d) for place in places)
    assert all(leaves[place].bias is None for place in places)
    assert not any(isinstance(layer, LocalResponseNorm) for layer in leaves)
    plain = [layer for layer in build(name, batch_norm=False, aux=True).modules()]
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in plain)
    assert all(layer.bias is not None for layer in plain if isinstance(layer, nn.Conv2d))


def test_22_layers_with_parameters_from_image_to_logits() -> None:
    """Section 5 counts them, pooling aside: 3 in the stem, 2 in each of 9 modules, and the last."""
    network = build("googlenet", aux=False)
    longest = 0
    for name, layer in network.named_modules():
        if name.endswith(("conv1", "conv2", "reduce2", "head.fc")):
            longest += 1
        elif "inception" in name.rpartition(".")[2]:
            longest += max(sum(isinstance(part, nn.Conv2d) for part in branch) for branch in layer.children())
    assert longest == 22


def module_reference(module: nn.Module, maps: Tensor) -> Tensor:
    """An Inception module (figure 2b) written out with its own weights."""
    weights = dict(module.named_parameters())

    def conv(place: str, inputs: Tensor) -> Tensor:
        weight = weights[f"{place}.weight"]
        padding = weight.shape[-1] // 2
        return functional.conv2d(inputs, weight, weights[f"{place}.bias"], padding=padding).relu()

    pooled = functional.max_pool2d(maps, 3, stride=1, padding=1)
    return torch.cat(
        [
            conv("branch1.conv", maps),
            conv("branch3.conv", conv("branch3.reduce", maps)),
            conv("branch5.conv", conv("branch5.reduce", maps)),
            conv("branch_pool.conv", pooled),
        ],
        dim=1,
    )


def test_a_module_is_its_four_branches_side_by_side() -> None:
    torch.manual_seed(0)
    module = by_name(create_model("googlenet_small", batch_norm=False))["inception3a"]
    kernels = [
        layer.kernel_size[0]
        for branch in module.children()
        for layer in branch
        if isinstance(layer, nn.Conv2d)
    ]
    assert kernels == [1, 1, 3, 1, 5, 1]
    maps = torch.randn(2, 96, 5, 5)
    torch.testing.assert_close(module(maps), module_reference(module, maps))


# --- the auxiliary heads --------------------------------------------------------------------------------


def test_a_head_is_the_papers() -> None:
    """Section 5: pooling of 5x5 every 3, 1x1 with 128 maps, 1,024 values, 70 % dropped, as many classes."""
    heads = build("googlenet", num_classes=7).auxiliary
    assert list(heads) == ["inception4a", "inception4d"]
    for head, channels in zip(heads.values(), (512, 528), strict=True):
        pool, conv, act, flatten, fc1, act1, dropout, fc2 = head
        assert (pool.kernel_size, pool.stride) == (5, 3)
        assert (conv.in_channels, conv.out_channels, conv.kernel_size) == (channels, 128, (1, 1))
        assert isinstance(act, nn.ReLU) and isinstance(flatten, nn.Flatten) and isinstance(act1, nn.ReLU)
        assert (fc1.in_features, fc1.out_features) == (4 * 4 * 128, 1024)
        assert dropout.p == 0.7
        assert (fc2.in_features, fc2.out_features) == (1024, 7)


@pytest.mark.parametrize(
    ("image_size", "pool"),
    [(224, nn.AvgPool2d), (256, nn.AvgPool2d), (192, nn.AdaptiveAvgPool2d), (64, nn.AdaptiveAvgPool2d)],
)
def test_heads_take_images_of_any_size(image_size: int, pool: type[nn.Module]) -> None:
    network = build("googlenet", image_size=image_size)
    assert {type(head[0]) for head in network.auxiliary.values()} == {pool}
    images = torch.empty(1, 3, image_size, image_size, device="meta")
    _, auxiliary = network.forward_with_aux(images)
    assert [logits.shape for logits in auxiliary] == [(1, 1000), (1, 1000)]


def test_a_head_sees_the_maps_after_its_module() -> None:
    torch.manual_seed(0)
    network = create_model("googlenet_small", aux=True).eval()
    images = torch.randn(2, 3, 16, 16)
    seen: dict[str, Tensor] = {}
    for place in ("inception4a", "inception4d"):
        network.features.get_submodule(place).register_forward_hook(
            lambda layer, inputs, output, place=place: seen.update({place: output})
        )
    with torch.no_grad():
        _, auxiliary = network.forward_with_aux(images)
        expected = [network.auxiliary[place](seen[place]) for place in ("inception4a", "inception4d")]
    assert all(torch.equal(found, wanted) for found, wanted in zip(auxiliary, expected, strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_heads_are_used_in_training_only(name: str) -> None:
    size = 64 if name == "googlenet" else 16
    torch.manual_seed(0)
    network = create_model(name, image_size=size, num_classes=10, aux=True).eval()
    images = torch.randn(2, 3, size, size)
    with torch.no_grad():
        logits, auxiliary = network.forward_with_aux(images)
        assert torch.equal(network(images), logits)
    assert [head.shape for head in auxiliary] == [(2, 10), (2, 10)]
    assert network.aux_weight == 0.3
    with torch.device("meta"):
        assert not create_model(name, aux=False).auxiliary


@pytest.mark.parametrize("name", NAMES)
def test_the_table_counts_heads_apart(name: str) -> None:
    table, without = layers_of(name, {"aux": True}), layers_of(name, {"aux": False})
    assert table.rows == without.rows and table.macs == without.macs
    assert table.parameters - table.training_parameters == without.parameters
    assert without.training_parameters == 0 < table.training_parameters
