"""Convolution, batch norm, addition and ReLU as one: values, gradients, moments of the layers one by one."""

import copy
import sys

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from cnnlab.models import create_model
from cnnlab.nn import Conv2d, FusedSequential, conv_norm_act
from cnnlab.nn.kernels import conv_norm_relu, winograd_blocks

pytestmark = pytest.mark.usefixtures("kernels")


@pytest.fixture
def passes(monkeypatch):
    """The shapes of maps that were convolved and normalised as one."""
    seen, module = [], sys.modules[conv_norm_act.__module__]

    def run(maps, *others):
        seen.append(tuple(maps.shape))
        return conv_norm_relu(maps, *others)

    monkeypatch.setattr(module, "conv_norm_relu", run)
    return seen


def numbers(*shape, seed=0, mean=0.0):
    drawn = mean + torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
    return drawn.contiguous(memory_format=torch.channels_last) if len(shape) == 4 else drawn


def make_layers(channels, out_channels, taps=3, **options):
    conv = Conv2d(channels, out_channels, taps, padding=taps // 2, bias=False)
    norm = nn.BatchNorm2d(out_channels, momentum=0.3, eps=1e-3, **options)
    with torch.no_grad():
        conv.weight.copy_(numbers(*conv.weight.shape, seed=6) / (taps * channels**0.5))
        if norm.affine:
            norm.weight.copy_(1 + numbers(out_channels, seed=3) / 2)
            norm.bias.copy_(numbers(out_channels, seed=4))
    return conv.to(memory_format=torch.channels_last), norm, nn.ReLU()


def learned(layers, maps, added, grad, *, dtype=torch.float32, one_by_one=False):
    conv, norm, act = (copy.deepcopy(layer).to(dtype) for layer in layers)
    maps = maps.clone().to(dtype).requires_grad_()
    added = None if added is None else added.clone().to(dtype).requires_grad_()
    if one_by_one:
        made = norm(F.conv2d(maps, conv.weight, padding=conv.padding))
        out = act(made if added is None else made + added)
    else:
        out = conv_norm_act(conv, norm, act, maps, added)
    out.backward(grad.to(dtype))
    grads = (maps.grad, conv.weight.grad, norm.weight.grad, norm.bias.grad)
    moments = (norm.running_mean, norm.running_var, norm.num_batches_tracked)
    return (out.detach(), *grads, *([] if added is None else [added.grad]), *moments)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("block", [48, 7])
@pytest.mark.parametrize(("taps", "mean", "is_added"), [(3, 0.0, False), (3, 30.0, True), (5, 0.0, True)])
@pytest.mark.parametrize(
    ("num", "channels", "out_channels", "height", "width"),
    [(3, 16, 32, 13, 9), (5, 24, 16, 7, 7), (1, 16, 16, 4, 4), (3, 64, 64, 8, 8), (2, 16, 16, 6, 40)],
)
def test_all_is_as_layer_by_layer(
    passes, num, channels, out_channels, height, width, taps, mean, is_added, block, threads, monkeypatch
):
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    monkeypatch.setattr(winograd_blocks, "BLOCK", block)
    maps, shape = numbers(num, channels, height, width, mean=mean), (num, out_channels, height, width)
    added = numbers(*shape, seed=2) if is_added else None
    layers, grad = make_layers(channels, out_channels, taps), numbers(*shape, seed=1)
    found = learned(layers, maps, added, grad)
    exact = learned(layers, maps, added, grad, dtype=torch.float64, one_by_one=True)
    assert passes == [tuple(maps.shape)]
    for mine, theirs in zip(found, exact, strict=True):
        assert (mine.double() - theirs.double()).abs().max() <= 3e-5 * theirs.abs().max()


def test_a_mean_far_from_zero_costs_no_digits():
    """Channels of mean 1000 and deviation 1, which sums of squares in float32 would not tell."""
    maps = numbers(4, 16, 8, 8)
    conv, norm, act = make_layers(16, 16)
    with torch.no_grad():
        conv.weight.zero_()
        conv.weight[:, :, 1, 1] = torch.eye(16)
    learned_maps = (maps + 1000).requires_grad_()
    conv_norm_act(conv, norm, act, learned_maps)
    variance = (maps + 1000).double().var((0, 2, 3))
    # What the transforms lose at 1000 is noise of 1000 * 5e-6.
    torch.testing.assert_close(norm.running_var.double(), 0.7 + 0.3 * variance, rtol=2e-3, atol=0)


def test_a_way_back_that_ends_here():
    """Maps that need no gradient get none."""
    conv, norm, act = make_layers(16, 16)
    conv_norm_act(conv, norm, act, numbers(2, 16, 8, 8)).square().sum().backward()
    assert conv.weight.grad.isfinite().all() and norm.bias.grad.abs().max() > 0


def test_what_is_no_number_is_found(passes):
    maps = numbers(2, 16, 8, 8)
    maps[1, 3, 5, 5] = torch.nan
    conv, norm, act = make_layers(16, 16)
    assert conv_norm_act(conv, norm, act, maps).isnan().all()
    assert len(passes) == 1 and norm.running_var.isnan().all()


def hooked(layer):
    layer.register_forward_hook(lambda *arguments: None)
    return layer


def replaced(layers, place, change):
    layers = list(layers)
    layers[place] = change(layers[place])
    return layers


@pytest.mark.parametrize(
    "layers",
    [
        replaced(make_layers(16, 16), 0, hooked),
        replaced(make_layers(16, 16), 1, hooked),
        replaced(make_layers(16, 16), 2, hooked),
        replaced(make_layers(16, 16), 2, lambda _: nn.Tanh()),
        replaced(make_layers(16, 16), 1, lambda norm: norm.eval()),
        replaced(make_layers(16, 16), 0, lambda conv: conv.eval()),
        make_layers(16, 16, affine=False),
        make_layers(16, 16, track_running_stats=False),
        make_layers(16, 8),  # too few
        replaced(make_layers(16, 16), 0, lambda _: Conv2d(16, 16, 3, padding=1)),  # with biases
        replaced(make_layers(16, 16), 0, lambda _: Conv2d(16, 16, 3, 2, padding=1, bias=False)),
    ],
)
def test_everything_else_runs_layer_by_layer(passes, layers):
    conv, norm, act = layers
    conv, maps = conv.to(memory_format=torch.channels_last), numbers(2, 16, 8, 8)
    expected = act(copy.deepcopy(norm)(conv(maps)))
    torch.testing.assert_close(conv_norm_act(conv, norm, act, maps), expected)
    assert not passes


def test_maps_to_add_of_another_shape_run_layer_by_layer(passes):
    (conv, norm, act), maps, added = make_layers(16, 16), numbers(2, 16, 8, 8), torch.ones(16, 1, 1)
    expected = act(copy.deepcopy(norm)(conv(maps)) + added)
    torch.testing.assert_close(conv_norm_act(conv, norm, act, maps, added), expected)
    assert not passes


def test_without_gradients_it_is_layer_by_layer(passes):
    (conv, norm, act), maps = make_layers(16, 16), numbers(2, 16, 8, 8)
    with torch.no_grad():
        conv_norm_act(conv, norm, act, maps)
    assert not passes


def test_a_row_of_layers_finds_them(passes):
    layers = [*make_layers(16, 32), Conv2d(32, 16, 3, padding=1), nn.ReLU()]
    network = nn.Sequential(*layers).to(memory_format=torch.channels_last)
    maps = numbers(4, 16, 8, 8)
    expected = copy.deepcopy(network)(maps)
    torch.testing.assert_close(FusedSequential(*network)(maps), expected, rtol=1e-4, atol=1e-4)
    assert passes == [(4, 16, 8, 8)]


@pytest.mark.parametrize(("name", "counts"), [("resnet20", (0, 1, 1)), ("preact_resnet20", (3, 2, 2))])
def test_what_pairs_of_convolutions_leave_of_a_residual_network(passes, name, counts):
    """Of `resnet20` the second convolutions behind those of stride 2, to which the shortcut is added."""
    network = create_model(name).to(memory_format=torch.channels_last).train()
    network(numbers(2, 3, 32, 32)).sum().backward()
    shapes = ((2, 16, 32, 32), (2, 32, 16, 16), (2, 64, 8, 8))
    assert tuple(map(passes.count, shapes)) == counts
    assert all(parameter.grad.isfinite().all() for parameter in network.parameters())
