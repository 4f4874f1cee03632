"""Winograd's filtering in training: the values and gradients of the direct sum, and only where it helps."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from cnnlab.nn import Conv2d, Kernels, quick_evaluation
from cnnlab.nn import convolution as module
from cnnlab.nn.kernels import winograd, winograd_blocks, winograd_conv
from cnnlab.nn.kernels import winograd_planes as planes

pytestmark = pytest.mark.usefixtures("kernels")


def numbers(*shape, seed=0):
    drawn = torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
    return drawn.contiguous(memory_format=torch.channels_last) if len(shape) == 4 else drawn


def gradients(conv, maps, weight, bias, grad):
    inputs = [part.clone().requires_grad_() for part in (maps, weight, bias)]
    out = conv(*inputs)
    out.backward(grad.to(out))
    return [out.detach(), *(part.grad for part in inputs)]


@pytest.fixture
def ways(monkeypatch):
    """The shapes of maps whose convolution went by the kernel."""
    seen = []

    def run(maps, weight, bias, groups):
        seen.append(tuple(maps.shape))
        return winograd_conv(maps, weight, bias, groups)

    monkeypatch.setattr(module, "winograd_conv", run)
    return seen


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(
    ("most_of_blocks", "settings"),
    [
        (0, {}),
        (0, {"CHUNK_BYTES": 1}),  # many chunks, the last one smaller
        (2**20, {}),
        (2**20, {"BLOCK": 7}),  # blocks that end within an image, the last one smaller
    ],
)
@pytest.mark.parametrize(
    ("num", "channels", "out_channels", "height", "width", "groups"),
    [
        (3, 64, 128, 14, 14, 1),
        (13, 8, 16, 7, 7, 1),
        (2, 40, 8, 28, 28, 1),
        (1, 8, 8, 1, 1, 1),
        (2, 16, 24, 5, 9, 1),
        (1, 256, 256, 4, 6, 1),
        (3, 32, 48, 13, 13, 2),
        (2, 24, 24, 6, 3, 3),
    ],
)
@pytest.mark.parametrize("taps", [3, 5])
def test_values_and_gradients_are_those_of_the_direct_sum(
    num, channels, out_channels, height, width, groups, taps, most_of_blocks, settings, threads, monkeypatch
):
    maps, grad = numbers(num, channels, height, width), numbers(num, out_channels, height, width, seed=1)
    weight = numbers(out_channels, channels // groups, taps, taps, seed=2)
    weight = weight / (taps**2 * channels // groups) ** 0.5
    bias = numbers(out_channels, seed=3)
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    monkeypatch.setattr(winograd, "MOST_OF_BLOCKS", most_of_blocks)
    monkeypatch.setattr(winograd, "fits", lambda *shape: False)  # tests/nn/test_winograd_fitted.py
    for name, value in settings.items():
        monkeypatch.setattr(winograd_blocks if name == "BLOCK" else planes, name, value)
    found = gradients(lambda *inputs: winograd_conv(*inputs, groups), maps, weight, bias, grad)
    exact = gradients(
        lambda *inputs: F.conv2d(*inputs, padding=taps // 2, groups=groups),
        maps.double(),
        weight.double(),
        bias.double(),
        grad,
    )
    for mine, theirs in zip(found, exact, strict=True):
        error = (mine - theirs).abs().max() / theirs.abs().max()
        assert mine.dtype == torch.float32 and error < 3e-5


def test_a_way_back_that_ends_here():
    """Maps that need no gradient get none; a convolution without biases has none."""
    maps, weight = numbers(2, 16, 8, 8), numbers(16, 16, 3, 3).requires_grad_()
    winograd_conv(maps, weight, None).sum().backward()
    expected = torch.nn.grad.conv2d_weight(maps, list(weight.shape), torch.ones(2, 16, 8, 8), padding=1)
    assert maps.grad is None and weight.grad is not None
    torch.testing.assert_close(weight.grad, expected, rtol=1e-4, atol=1e-4)


def test_what_is_no_number_is_found():
    """A bad pixel is not lost, and does not reach another image."""
    maps, weight = numbers(2, 16, 8, 8), numbers(16, 16, 3, 3)
    maps[1, 3, 5, 5] = torch.nan
    out = winograd_conv(maps, weight, None)
    assert out[0].isfinite().all() and out[1].isnan().any()


@pytest.mark.parametrize("most_of_blocks", [0, 2**20])
def test_what_memory_held_before_is_not_seen(most_of_blocks, monkeypatch):
    monkeypatch.setattr(winograd, "MOST_OF_BLOCKS", most_of_blocks)
    monkeypatch.setattr(winograd, "fits", lambda *shape: False)
    monkeypatch.setattr(planes, "CHUNK_BYTES", 1)
    empty = torch.empty
    monkeypatch.setattr(torch, "empty", lambda *args, **options: empty(*args, **options).fill_(torch.nan))
    drawn = numbers(13, 8, 7, 7), numbers(16, 8, 3, 3), numbers(16), numbers(13, 16, 7, 7)
    assert 13 % planes._chunk_size(drawn[0], drawn[3], 3) > 0  # several chunks, the last one smaller
    assert all(part.isfinite().all() for part in gradients(winograd_conv, *drawn))


def test_the_layer_takes_the_kernel_in_training_alone(ways):
    layer = Conv2d(32, 64, 3, padding=1).to(memory_format=torch.channels_last)
    maps = numbers(4, 32, 14, 14)
    learning = layer(maps)
    assert ways == [tuple(maps.shape)]
    with torch.no_grad():
        layer(maps)
    assert torch.equal(layer.eval()(maps), F.conv2d(maps, layer.weight, layer.bias, padding=1))
    assert len(ways) == 1
    torch.testing.assert_close(learning, layer(maps), rtol=1e-4, atol=2e-5)


def test_few_channels_that_become_many_take_the_kernel_where_there_is_a_way_back(ways):
    layer = Conv2d(8, 32, 3, padding=1).to(memory_format=torch.channels_last)
    maps = numbers(4, 8, 14, 14)
    layer(maps)
    assert len(ways) == 1
    with torch.no_grad(), quick_evaluation():
        layer(maps)
    assert len(ways) == 1


@pytest.mark.parametrize(
    ("layer", "maps"),
    [
        (Conv2d(32, 32, 3, padding=1, stride=2), numbers(2, 32, 16, 16)),
        (Conv2d(32, 32, 3), numbers(2, 32, 16, 16)),
        (Conv2d(32, 32, 3, padding=2, dilation=2), numbers(2, 32, 16, 16)),
        (Conv2d(32, 32, 3, padding=1, padding_mode="reflect"), numbers(2, 32, 16, 16)),
        (
            Conv2d(64, 24, 3, padding=1, groups=2),
            numbers(2, 64, 16, 16),
        ),  # no multiple of the lanes in a group
        (Conv2d(32, 32, 5, padding=1), numbers(2, 32, 16, 16)),
        (Conv2d(32, 32, 7, padding=3), numbers(2, 32, 16, 16)),
        (Conv2d(32, 32, (3, 5), padding=(1, 2)), numbers(2, 32, 16, 16)),
        (Conv2d(36, 32, 3, padding=1), numbers(2, 36, 16, 16)),  # no multiple of the lanes
        (Conv2d(8, 24, 3, padding=1), numbers(2, 8, 16, 16)),  # not worth while
        (Conv2d(32, 2056, 3, padding=1), numbers(1, 32, 4, 4)),  # too many
        (Conv2d(32, 32, 3, padding=1), numbers(2, 32, 5, 5)),  # tiles cover more than twice the map
        (Conv2d(32, 32, 3, padding=1), numbers(2, 32, 16, 16).contiguous()),
        (Conv2d(32, 32, 3, padding=1), numbers(32, 16, 16)),
        (Conv2d(32, 32, 3, padding=1).double(), numbers(2, 32, 16, 16).double()),
    ],
)
def test_what_the_kernel_cannot_do_is_torchs(ways, layer, maps):
    plain = nn.Conv2d._conv_forward(layer, maps, layer.weight, layer.bias)
    assert torch.equal(layer(maps), plain) and not ways


def test_without_a_compiler_torch_computes(ways, monkeypatch):
    monkeypatch.setattr("cnnlab.nn.kernels.guard.load_kernels", lambda: Kernels(None, "none", "no compiler"))
    layer, maps = Conv2d(32, 32, 3, padding=1), numbers(2, 32, 16, 16)
    assert torch.equal(layer(maps), layer.eval()(maps)) and not ways


def test_under_autocast_torch_computes(ways):
    layer, maps = Conv2d(32, 32, 3, padding=1), numbers(2, 32, 16, 16)
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(maps).dtype == torch.bfloat16
    assert not ways


def test_an_export_holds_torchs_convolution(ways):
    layer = Conv2d(32, 32, 3, padding=1)
    program = torch.export.export(layer, (numbers(2, 32, 16, 16),))
    assert "conv2d" in program.graph_module.code and not ways
