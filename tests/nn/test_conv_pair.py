"""Two convolutions, batch norms and ReLUs as one: values, gradients and moments of the layers one by one."""

import copy
import sys

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from cnnlab.models import create_model
from cnnlab.nn import Conv2d, ConvNormAct, conv_pair, quick_evaluation
from cnnlab.nn.kernels import pair_norm_relu, winograd_blocks

pytestmark = pytest.mark.usefixtures("kernels")


@pytest.fixture
def passes(monkeypatch):
    """The shapes of maps that went through two convolutions as one."""
    seen = []

    def run(maps, *others):
        seen.append(tuple(maps.shape))
        return pair_norm_relu(maps, *others)

    monkeypatch.setattr(sys.modules[conv_pair.__module__], "pair_norm_relu", run)
    return seen


def numbers(*shape, seed=0, mean=0.0):
    drawn = mean + torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
    return drawn.contiguous(memory_format=torch.channels_last) if len(shape) == 4 else drawn


def make_layers(channels, *, taps=3, seed=0, out_channels=None):
    out_channels = out_channels or channels
    conv = Conv2d(channels, out_channels, taps, padding=taps // 2, bias=False)
    norm = nn.BatchNorm2d(out_channels, momentum=0.3, eps=1e-3)
    with torch.no_grad():
        conv.weight.copy_(numbers(*conv.weight.shape, seed=seed + 6) / (taps * channels**0.5))
        norm.weight.copy_(1 + numbers(out_channels, seed=seed + 3) / 2)
        norm.bias.copy_(numbers(out_channels, seed=seed + 4))
    return ConvNormAct(conv.to(memory_format=torch.channels_last), norm, nn.ReLU())


def learned(pair, maps, added, grad, *, dtype=torch.float32, one_by_one=False):
    first, second = (ConvNormAct(*(copy.deepcopy(layer).to(dtype) for layer in layers)) for layers in pair)
    maps = maps.clone().to(dtype).requires_grad_()
    added = None if added is None else added.clone().to(dtype).requires_grad_()
    if one_by_one:
        between = F.relu(first.norm(F.conv2d(maps, first.conv.weight, padding=first.conv.padding)))
        made = second.norm(F.conv2d(between, second.conv.weight, padding=second.conv.padding))
        out = F.relu(made if added is None else made + added)
    else:
        out = conv_pair(first, second, maps, added)
    out.backward(grad.to(dtype))
    weights = [layer.weight.grad for layers in (first, second) for layer in layers[:2]]
    biases = [layers.norm.bias.grad for layers in (first, second)]
    moments = [moment for layers in (first, second) for moment in layers.norm.buffers()]
    inputs = [maps.grad, *([] if added is None else [added.grad])]
    return [out.detach(), *inputs, *weights, *biases, *moments]


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("block", [48, 7])
@pytest.mark.parametrize(("taps", "mean", "is_added"), [(3, 0.0, False), (3, 30.0, True), (5, 0.0, True)])
@pytest.mark.parametrize(
    ("num", "channels", "height", "width"),
    [(3, 16, 13, 9), (5, 24, 7, 7), (1, 16, 4, 4), (3, 64, 8, 8), (2, 16, 6, 40), (1, 32, 14, 3)],
)
def test_all_is_as_layer_by_layer(
    passes, num, channels, height, width, taps, mean, is_added, block, threads, monkeypatch
):
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    monkeypatch.setattr(winograd_blocks, "BLOCK", block)
    maps = numbers(num, channels, height, width, mean=mean)
    added = numbers(*maps.shape, seed=2) if is_added else None
    pair = make_layers(channels, taps=taps), make_layers(channels, taps=taps, seed=10)
    grad = numbers(*maps.shape, seed=1)
    found = learned(pair, maps, added, grad)
    exact = learned(pair, maps, added, grad, dtype=torch.float64, one_by_one=True)
    assert passes == [tuple(maps.shape)]
    for mine, theirs in zip(found, exact, strict=True):
        assert (mine.double() - theirs.double()).abs().max() <= 5e-5 * theirs.abs().max()


def test_the_input_itself_is_added(passes):
    """As around a block of a residual network: both gradients of the input come together."""
    pair, maps, grad = (make_layers(16), make_layers(16, seed=10)), numbers(4, 16, 8, 8), numbers(4, 16, 8, 8)
    found, expected = maps.clone().requires_grad_(), maps.double().requires_grad_()
    conv_pair(*pair, found, found).backward(grad)
    (conv1, norm1, _), (conv2, norm2, _) = (
        [copy.deepcopy(layer).double() for layer in layers] for layers in pair
    )
    between = F.relu(norm1(F.conv2d(expected, conv1.weight, padding=1)))
    F.relu(norm2(F.conv2d(between, conv2.weight, padding=1)) + expected).backward(grad.double())
    torch.testing.assert_close(found.grad.double(), expected.grad, rtol=1e-4, atol=1e-5)
    assert passes


def test_the_same_kernels_and_frozen_factors_and_twice_back(passes):
    """One convolution in both places, weights of batch norm that stay, and gradients asked for twice."""
    first = make_layers(16)
    second = make_layers(16, seed=10)._replace(conv=first.conv)
    for layers in (first, second):
        layers.norm.weight.requires_grad_(False)
    pair = copy.deepcopy((first, second))
    maps, grad = numbers(2, 16, 8, 8).requires_grad_(), numbers(2, 16, 8, 8, seed=1)
    out = conv_pair(first, second, maps)
    (once,) = torch.autograd.grad(out, first.conv.weight, grad, retain_graph=True)
    (again,) = torch.autograd.grad(out, first.conv.weight, grad)
    between = F.relu(pair[0].norm(F.conv2d(maps, pair[0].conv.weight, padding=1)))
    expected = F.relu(pair[1].norm(F.conv2d(between, pair[0].conv.weight, padding=1)))
    (exact,) = torch.autograd.grad(expected, pair[0].conv.weight, grad)
    assert passes and torch.equal(once, again)
    torch.testing.assert_close(once, exact, rtol=1e-3, atol=1e-3)


def test_a_way_back_that_ends_here(passes):
    """Maps that need no gradient get none."""
    first, second = make_layers(16), make_layers(16, seed=10)
    conv_pair(first, second, numbers(2, 16, 8, 8)).square().sum().backward()
    assert first.conv.weight.grad.isfinite().all() and first.norm.bias.grad.abs().max() > 0
    assert passes


def test_what_is_no_number_is_found(passes):
    maps = numbers(2, 16, 8, 8)
    maps[1, 3, 5, 5] = torch.nan
    first, second = make_layers(16), make_layers(16, seed=10)
    assert conv_pair(first, second, maps).isnan().all()
    assert first.norm.running_var.isnan().all() and second.norm.running_var.isnan().all()
    assert passes


def test_no_second_derivative(passes):
    maps = numbers(2, 16, 8, 8).requires_grad_()
    out = conv_pair(make_layers(16), make_layers(16, seed=10), maps).square().sum()
    (grad,) = torch.autograd.grad(out, maps, create_graph=True)
    with pytest.raises(RuntimeError, match="higher derivatives"):
        grad.sum().backward()
    assert passes


def hooked(layer):
    layer.register_forward_hook(lambda *arguments: None)
    return layer


def replaced(layer):
    layer.forward = layer.forward
    return layer


@pytest.mark.parametrize(
    ("place", "change"),
    [(place, change) for place in range(3) for change in (hooked, replaced)]
    + [(place, nn.Module.eval) for place in range(2)],
)
@pytest.mark.parametrize("which", [0, 1])
def test_what_is_watched_or_does_not_learn_runs_by_itself(passes, which, place, change):
    pair = [make_layers(16), make_layers(16, seed=10)]
    changed = list(pair[which])
    changed[place] = change(changed[place])
    pair[which] = ConvNormAct(*changed)
    maps = numbers(2, 16, 8, 8)
    expected = learned(pair, maps, maps, maps, one_by_one=True)
    for mine, theirs in zip(learned(pair, maps, maps, maps), expected, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-3, atol=1e-4)
    assert not passes


def test_one_batch_norm_for_both_sees_both(passes):
    """Its running moments take what the first convolution makes before what the second one makes."""
    first = make_layers(16)
    second = first._replace(conv=make_layers(16, seed=10).conv)
    conv_pair(first, second, numbers(2, 16, 8, 8))
    assert first.norm.num_batches_tracked == 2
    assert not passes


def test_batch_norm_that_is_frozen_stays_so_in_quick_evaluation(passes):
    pair = make_layers(16), make_layers(16, seed=10)
    for layers in pair:
        layers.norm.eval()
    with torch.no_grad(), quick_evaluation():
        conv_pair(*pair, numbers(2, 16, 8, 8))
    assert not passes and all(layers.norm.num_batches_tracked == 0 for layers in pair)


@pytest.mark.parametrize("added", [torch.ones(16, 1, 1), torch.randn(2, 16, 8, 8)])
def test_what_is_added_in_another_shape_or_layout_is_added_afterwards(passes, added):
    pair, maps = (make_layers(16), make_layers(16, seed=10)), numbers(2, 16, 8, 8)
    found, expected = conv_pair(*pair, maps, added), copy.deepcopy(pair)
    between = F.relu(expected[0].norm(F.conv2d(maps, pair[0].conv.weight, padding=1)))
    expected = F.relu(expected[1].norm(F.conv2d(between, pair[1].conv.weight, padding=1)) + added)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)
    assert not passes


def test_a_batch_norm_whose_moments_do_not_fit_is_torchs_to_refuse(passes):
    pair = make_layers(16), make_layers(16, seed=10)
    pair[1].norm.running_mean = torch.zeros(8)
    with pytest.raises(RuntimeError, match="running_mean"):
        conv_pair(*pair, numbers(2, 16, 8, 8))
    assert not passes


def test_more_channels_between_run_one_after_the_other(passes):
    pair = make_layers(16, out_channels=32), make_layers(32, out_channels=16, seed=10)
    maps = numbers(2, 16, 8, 8)
    expected = learned(pair, maps, maps, maps, one_by_one=True)
    for mine, theirs in zip(learned(pair, maps, maps, maps), expected, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-3, atol=1e-4)
    assert not passes


def test_a_residual_network_runs_all_it_can(passes):
    network = create_model("resnet20").to(memory_format=torch.channels_last).train()
    network(numbers(2, 3, 32, 32)).sum().backward()
    shapes = {(2, 16, 32, 32): 3, (2, 32, 16, 16): 2, (2, 64, 8, 8): 2}
    assert {shape: passes.count(shape) for shape in passes} == shapes
    assert all(parameter.grad.isfinite().all() for parameter in network.parameters())
