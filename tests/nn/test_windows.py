"""Convolutions of stride 2 as products of windows: values and gradients of the direct sum, where it helps."""

import pytest
import torch
from torch.nn import functional as F

from cnnlab.nn import Conv2d
from cnnlab.nn import convolution as module
from cnnlab.nn.kernels import windows_conv

pytestmark = pytest.mark.usefixtures("kernels")


def numbers(*shape, seed=0):
    drawn = torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
    return drawn.contiguous(memory_format=torch.channels_last) if len(shape) == 4 else drawn


def learned(conv, inputs, dtype):
    inputs = [part.clone().to(dtype).requires_grad_() for part in inputs]
    out = conv(*inputs)
    out.backward(numbers(*out.shape, seed=1).to(dtype))
    return out.detach(), *(part.grad for part in inputs)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(
    ("shape", "out_channels", "taps", "stride", "pad"),
    [
        ((3, 16, 32, 32), 32, 3, 2, 1),
        ((2, 24, 13, 9), 16, 3, 2, 1),
        ((1, 8, 1, 1), 8, 3, 2, 1),
        ((5, 8, 7, 12), 24, 5, 3, 2),
        ((2, 16, 8, 8), 16, 1, 1, 0),
        ((3, 8, 6, 6), 8, 3, 1, 0),
    ],
)
def test_values_and_gradients_are_those_of_the_direct_sum(
    shape, out_channels, taps, stride, pad, threads, monkeypatch
):
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    inputs = (
        numbers(*shape),
        numbers(out_channels, shape[1], taps, taps, seed=2),
        numbers(out_channels, seed=3),
    )
    found = learned(lambda *some: windows_conv(*some, stride=stride, pad=pad), inputs, torch.float32)
    exact = learned(lambda *some: F.conv2d(*some, stride, pad), inputs, torch.float64)
    for mine, theirs in zip(found, exact, strict=True):
        assert mine.dtype == torch.float32
        assert (mine - theirs).abs().max() <= 2e-6 * theirs.abs().max()


def test_a_way_back_that_ends_here():
    """Maps that need no gradient get none; a convolution without biases has none."""
    maps, weight = numbers(2, 16, 8, 8), numbers(16, 16, 3, 3).requires_grad_()
    windows_conv(maps, weight, None, stride=2, pad=1).sum().backward()
    expected = torch.nn.grad.conv2d_weight(
        maps, list(weight.shape), torch.ones(2, 16, 4, 4), stride=2, padding=1
    )
    assert maps.grad is None
    torch.testing.assert_close(weight.grad, expected, rtol=1e-4, atol=1e-4)


@pytest.fixture
def ways(monkeypatch):
    """The shapes of maps whose convolution went by the kernel."""
    seen = []

    def run(maps, *others, **how):
        seen.append(tuple(maps.shape))
        return windows_conv(maps, *others, **how)

    monkeypatch.setattr(module, "windows_conv", run)
    return seen


def test_the_layer_takes_the_kernel_in_training_alone(ways):
    layer = Conv2d(16, 32, 3, 2, padding=1).to(memory_format=torch.channels_last)
    maps = numbers(4, 16, 14, 14)
    learning = layer(maps)
    assert ways == [(4, 16, 14, 14)]
    with torch.no_grad():
        layer(maps)
    seen = layer.eval()(maps)
    assert len(ways) == 1
    torch.testing.assert_close(learning, seen, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "layer",
    [
        Conv2d(16, 32, 3, 3, padding=1),
        Conv2d(16, 32, 3, 2),
        Conv2d(16, 32, 1, 2),
        Conv2d(16, 32, 5, 2, padding=2),
        Conv2d(16, 32, 3, 2, padding=1, groups=2),
        Conv2d(16, 32, 3, 2, padding=1, padding_mode="reflect"),
        Conv2d(16, 20, 3, 2, padding=1),
        Conv2d(16, 1024, 3, 2, padding=1),
    ],
)
def test_other_layers_go_torchs_way(ways, layer):
    layer.to(memory_format=torch.channels_last)(numbers(2, 16, 9, 9))
    assert not ways
