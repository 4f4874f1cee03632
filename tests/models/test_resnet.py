"""The residual networks for ImageNet: blocks against slow references, stages, and where they halve."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from cnnlab.models import create_model, layers_of, preact_resnet, resnet

BASIC = {"widths": (6, 6), "kernels": (3, 3)}
BOTTLENECK = {"widths": (3, 3, 12), "kernels": (1, 3, 1)}
STRIDES = [
    pytest.param(BASIC, (1, 1), id="basic"),
    pytest.param(BASIC, (2, 1), id="basic, halving"),
    pytest.param(BOTTLENECK, (1, 1, 1), id="bottleneck"),
    pytest.param(BOTTLENECK, (2, 1, 1), id="bottleneck, halving first"),
    pytest.param(BOTTLENECK, (1, 2, 1), id="bottleneck, halving at 3x3"),
]
OTHERS = {"activation": "relu", "residual": True, "norm_momentum": 0.1}


def shake(block: nn.Module) -> nn.Module:
    """Give every normalisation figures of its own, and switch to evaluation."""
    for layer in block.modules():
        if isinstance(layer, nn.BatchNorm2d):
            for values in (layer.weight.data, layer.bias.data, layer.running_mean):
                values.uniform_(-1.0, 1.0)
            layer.running_var.uniform_(0.5, 2.0)
    return block.eval()


def normalised(maps: Tensor, values: dict[str, Tensor], name: str) -> Tensor:
    mean, variance, weight, bias = (
        values[f"{name}.{part}"].view(1, -1, 1, 1)
        for part in ("running_mean", "running_var", "weight", "bias")
    )
    return (maps - mean) / (variance + 1e-5).sqrt() * weight + bias


def convolved(maps: Tensor, values: dict[str, Tensor], name: str, stride: int) -> Tensor:
    weight = values[f"{name}.weight"]
    return functional.conv2d(maps, weight, stride=stride, padding=weight.shape[-1] // 2)


def padded(maps: Tensor, channels: int, stride: int) -> Tensor:
    """Option A, map by map."""
    kept = [maps[:, index, ::stride, ::stride] for index in range(maps.shape[1])]
    zeros = [torch.zeros_like(kept[0])] * (channels - len(kept))
    return torch.stack(kept + zeros, dim=1)


def block_reference(block: nn.Module, maps: Tensor, strides: tuple[int, ...], option: str) -> Tensor:
    """Figure 2 and figure 5 of arXiv:1512.03385 with a normalisation after each convolution."""
    values, branch = block.state_dict(), maps
    for index, stride in enumerate(strides, start=1):
        branch = normalised(
            convolved(branch, values, f"branch.conv{index}", stride), values, f"branch.norm{index}"
        )
        if index < len(strides):
            branch = branch.relu()
    shortcut = maps
    if branch.shape != maps.shape and option == "A":
        shortcut = padded(maps, branch.shape[1], max(strides))
    elif branch.shape != maps.shape:
        shortcut = convolved(maps, values, "shortcut.conv", max(strides))
        shortcut = normalised(shortcut, values, "shortcut.norm")
    return (branch + shortcut).relu()


def preact_reference(block: nn.Module, maps: Tensor, strides: tuple[int, ...], option: str) -> Tensor:
    """Figure 4e of arXiv:1603.05027; where the shape changes, both ways start from the activated input."""
    values = block.state_dict()
    activated = branch = normalised(maps, values, "norm1").relu() if "norm1.weight" in values else maps
    for index, stride in enumerate(strides, start=1):
        if index > 1:
            branch = normalised(branch, values, f"branch.norm{index}").relu()
        branch = convolved(branch, values, f"branch.conv{index}", stride)
    if branch.shape == maps.shape:
        return branch + maps
    if option == "A":
        return branch + padded(activated, branch.shape[1], max(strides))
    return branch + convolved(activated, values, "shortcut", max(strides))


@pytest.mark.parametrize("option", ["A", "B"])
@pytest.mark.parametrize("widens", [True, False])
@pytest.mark.parametrize(("form", "strides"), STRIDES)
def test_a_block_equals_a_slow_reference(
    form: dict[str, Any], strides: tuple[int, ...], widens: bool, option: str
) -> None:
    in_channels = 3 if widens else form["widths"][-1]
    torch.manual_seed(0)
    block = shake(resnet.Block(in_channels, **form, strides=strides, shortcut=option, **OTHERS))
    maps = torch.randn(2, in_channels, 7, 7)
    torch.testing.assert_close(block(maps), block_reference(block, maps, strides, option))


@pytest.mark.parametrize("is_first", [False, True])
@pytest.mark.parametrize("option", ["A", "B"])
@pytest.mark.parametrize("widens", [True, False])
@pytest.mark.parametrize(("form", "strides"), STRIDES)
def test_a_pre_activation_block_equals_a_slow_reference(
    form: dict[str, Any], strides: tuple[int, ...], widens: bool, option: str, is_first: bool
) -> None:
    in_channels = 3 if widens else form["widths"][-1]
    torch.manual_seed(0)
    settings = {**form, **OTHERS, "strides": strides, "shortcut": option, "is_first": is_first}
    block = shake(preact_resnet.PreActivationBlock(in_channels, **settings))
    assert isinstance(block.norm1, nn.Identity) is is_first
    maps = torch.randn(2, in_channels, 7, 7)
    torch.testing.assert_close(block(maps), preact_reference(block, maps, strides, option))


def test_a_plain_block_is_the_branch_alone() -> None:
    maps = torch.randn(2, 6, 7, 7)
    settings = {**BASIC, **OTHERS, "strides": (1, 1), "shortcut": "B", "residual": False}
    block = shake(resnet.Block(6, **settings))
    torch.testing.assert_close(block(maps), block.branch(maps).relu())
    block = shake(preact_resnet.PreActivationBlock(6, is_first=False, **settings))
    torch.testing.assert_close(block(maps), block.branch(block.norm1(maps).relu()))


# --- whole networks -------------------------------------------------------------------------------------

DEPTHS = (18, 34, 50, 101, 152)


def build(name: str, **args: object) -> nn.Module:
    with torch.device("meta"):
        return create_model(name, **args)


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("family", ["resnet", "preact_resnet"])
def test_as_many_layers_with_weights_as_the_name_says(family: str, depth: int) -> None:
    convolutions = [
        name
        for name, layer in build(f"{family}{depth}").named_modules()
        if isinstance(layer, nn.Conv2d) and "shortcut" not in name
    ]
    assert len(convolutions) + 1 == depth


@pytest.mark.parametrize(("name", "expansion"), [("resnet18", 1), ("resnet50", 4), ("preact_resnet50", 4)])
def test_stages_are_those_of_table_1(name: str, expansion: int) -> None:
    shapes = {row.name.removeprefix("features."): row.output_shape for row in layers_of(name).rows}
    assert (shapes["conv1"], shapes["pool1"]) == ((64, 112, 112), (64, 56, 56))
    for stage, (width, size) in enumerate(((64, 56), (128, 28), (256, 14), (512, 7)), start=1):
        last = [name for name in shapes if name.startswith(f"stage{stage}.") and "conv" in name][-1]
        assert shapes[last] == (width * expansion, size, size)


@pytest.mark.parametrize(
    ("args", "strides"),
    [({}, (2, 1, 1)), ({"stride_at": "first"}, (2, 1, 1)), ({"stride_at": "3x3"}, (1, 2, 1))],
)
@pytest.mark.parametrize("name", ["resnet50", "preact_resnet50"])
def test_stride_at_says_which_convolution_halves(
    name: str, args: dict[str, str], strides: tuple[int, ...]
) -> None:
    network = build(name, **args)
    for stage in (1, 2, 3, 4):
        for index, block in enumerate(network.features.get_submodule(f"stage{stage}").children()):
            halves = stage > 1 and index == 0
            found = tuple(layer.stride[0] for layer in block.branch if isinstance(layer, nn.Conv2d))
            assert found == (strides if halves else (1, 1, 1))


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "preact_resnet18", "preact_resnet50"])
def test_norm_momentum_reaches_every_normalisation(name: str) -> None:
    for args, expected in (({}, 0.1), ({"norm_momentum": 0.003}, 0.003)):
        norms = [layer for layer in build(name, **args).modules() if isinstance(layer, nn.BatchNorm2d)]
        assert norms and {norm.momentum for norm in norms} == {expected}


@pytest.mark.parametrize(
    ("name", "projected"),
    [
        ("resnet18", {"stage2", "stage3", "stage4"}),  # stage 1 has 64 maps already
        ("resnet50", {"stage1", "stage2", "stage3", "stage4"}),
        ("preact_resnet18", {"stage2", "stage3", "stage4"}),
        ("preact_resnet50", {"stage1", "stage2", "stage3", "stage4"}),
    ],
)
def test_shortcuts_have_weights_where_the_shape_changes_only_and_with_option_b_only(
    name: str, projected: set[str]
) -> None:
    keys = [key for key in build(name).state_dict() if "shortcut" in key]
    assert {tuple(key.split(".")[1:3]) for key in keys} == {(stage, "block1") for stage in projected}
    without = [build(name, **args).state_dict().keys() for args in ({"shortcut": "A"}, {"residual": False})]
    assert without[0] == without[1] == build(name).state_dict().keys() - set(keys)


def test_the_stem_activates_for_the_first_block_and_a_last_norm_follows_the_last_addition() -> None:
    values = build("preact_resnet50").state_dict()
    assert "features.stage1.block1.norm1.weight" not in values
    assert "features.stage1.block2.norm1.weight" in values
    assert values["features.norm2.weight"].shape == (2048,)
