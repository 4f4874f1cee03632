"""Shortcuts of the residual networks against slow references, and the plain networks."""

import pytest
import torch
from torch import Tensor

from cnnlab.models import create_model, preact_resnet_cifar, resnet_cifar
from cnnlab.nn import PadShortcut


def make_block(module: object, **args: bool | str | float) -> torch.nn.Module:
    torch.manual_seed(0)
    settings = {"activation": "relu", "shortcut": "A", "residual": True, "norm_momentum": 0.1} | args
    if module is preact_resnet_cifar:
        return preact_resnet_cifar.PreActivationBlock(4, 8, 2, is_first=False, **settings).eval()
    return resnet_cifar.ResidualBlock(4, 8, 2, **settings).eval()


def option_a_reference(maps: Tensor, out_channels: int, stride: int) -> Tensor:
    images, channels, height, width = maps.shape
    rows, columns = range(0, height, stride), range(0, width, stride)
    output = torch.zeros(images, out_channels, len(rows), len(columns))
    for n in range(images):
        for c in range(channels):
            for to_row, row in enumerate(rows):
                for to_column, column in enumerate(columns):
                    output[n, c, to_row, to_column] = maps[n, c, row, column]
    return output


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("size", [4, 7])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_option_a_equals_a_slow_reference(stride: int, size: int, dtype: torch.dtype) -> None:
    maps = torch.randn(2, 4, size, size, dtype=dtype)
    shortcut = PadShortcut(4, 8, stride)
    for found in (shortcut(maps), shortcut(maps.clone().requires_grad_())):
        assert torch.equal(found.detach(), option_a_reference(maps, 8, stride).to(dtype))


def test_the_gradient_of_option_a_is_exact_and_keeps_channels_last() -> None:
    maps = torch.randn(2, 4, 6, 6).to(memory_format=torch.channels_last).requires_grad_()
    grad_out = torch.randn(2, 8, 3, 3).to(memory_format=torch.channels_last)
    (grad,) = torch.autograd.grad(PadShortcut(4, 8, 2)(maps), maps, grad_out)
    expected = torch.zeros(2, 4, 6, 6)
    expected[:, :, ::2, ::2] = grad_out[:, :4]
    assert torch.equal(grad, expected) and grad.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
def test_option_a_has_derivatives_of_every_order(layout: torch.memory_format) -> None:
    maps = torch.randn(2, 4, 5, 5, dtype=torch.float64).to(memory_format=layout).requires_grad_()
    shortcut = PadShortcut(4, 8, 2)
    assert torch.autograd.gradcheck(shortcut, maps) and torch.autograd.gradgradcheck(shortcut, maps)
    (expected,) = torch.autograd.grad(shortcut(maps).square().sum(), maps)
    transformed = torch.func.grad(lambda given: shortcut(given).square().sum())(maps.detach())
    assert torch.equal(transformed, expected)


def test_a_block_adds_its_shortcut_before_the_last_activation() -> None:
    block, maps = make_block(resnet_cifar), torch.randn(2, 4, 7, 7)
    plain = make_block(resnet_cifar, residual=False)
    plain.act2 = torch.nn.Identity()
    expected = torch.relu(plain(maps) + option_a_reference(maps, 8, 2))
    torch.testing.assert_close(block(maps), expected)


def test_a_pre_activation_block_adds_its_raw_input_and_nothing_follows() -> None:
    block, maps = make_block(preact_resnet_cifar), torch.randn(2, 4, 7, 7)
    plain = make_block(preact_resnet_cifar, residual=False)
    torch.testing.assert_close(block(maps), plain(maps) + option_a_reference(maps, 8, 2))


@pytest.mark.parametrize("name", ["resnet20", "preact_resnet20"])
def test_without_its_branches_a_residual_network_still_sees_the_image_and_a_plain_one_does_not(
    name: str,
) -> None:
    images = torch.randn(2, 3, 8, 8)
    for residual in (True, False):
        network = create_model(name, residual=residual).eval()
        for parameter_name, parameter in network.named_parameters():
            if ".conv2.weight" in parameter_name:
                torch.nn.init.zeros_(parameter)
        with torch.no_grad():
            logits = network(images)
        assert torch.equal(logits[0], logits[1]) is not residual


@pytest.mark.parametrize("name", ["resnet20", "preact_resnet20"])
def test_plain_and_residual_networks_share_their_weights_names(name: str) -> None:
    assert create_model(name).state_dict().keys() == create_model(name, residual=False).state_dict().keys()


@pytest.mark.parametrize("name", ["resnet20", "preact_resnet20"])
def test_option_b_projects_where_the_shape_changes_only(name: str) -> None:
    names = {
        key.partition(".shortcut")[0]
        for key in create_model(name, shortcut="B").state_dict()
        if "shortcut" in key
    }
    assert names == {"features.stage2.block1", "features.stage3.block1"}


def test_the_first_pre_activation_is_the_stems() -> None:
    blocks = create_model("preact_resnet20").state_dict()
    assert "features.stage1.block1.norm1.weight" not in blocks
    assert "features.stage1.block2.norm1.weight" in blocks
    assert blocks["features.norm2.weight"].shape == (64,)
