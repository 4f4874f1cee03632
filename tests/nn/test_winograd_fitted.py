"""Winograd's filtering in tiles of 4 and of 3: values and gradients of the direct sum, where they fit."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from cnnlab.nn.kernels import winograd, winograd_conv
from cnnlab.nn.kernels import winograd_fitted as module
from cnnlab.nn.kernels.winograd_fitted import fits

pytestmark = pytest.mark.usefixtures("kernels")
FITTING = [(7, 7), (14, 14), (13, 9), (6, 3), (8, 7), (10, 12), (3, 3), (11, 4)]


def numbers(*shape: int, seed: int = 0) -> Tensor:
    drawn = torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
    return drawn.contiguous(memory_format=torch.channels_last) if len(shape) == 4 else drawn


def gradients(conv, maps, weight, bias, grad):
    inputs = [part.clone().requires_grad_() for part in (maps, weight, bias)]
    out = conv(*inputs)
    out.backward(grad.to(out))
    return [out.detach(), *(part.grad for part in inputs)]


def drawn(num: int, channels: int, out_channels: int, size: tuple[int, int], groups: int = 1) -> list[Tensor]:
    weight = numbers(out_channels, channels // groups, 3, 3, seed=1) / (9 * channels // groups) ** 0.5
    return [
        numbers(num, channels, *size),
        weight,
        numbers(out_channels, seed=2),
        numbers(num, out_channels, *size, seed=3),
    ]


@pytest.fixture
def passes(monkeypatch):
    """The shapes of maps that went this way."""
    seen = []

    def run(maps, *others):
        seen.append(tuple(maps.shape[2:]))
        return module.conv_in_fitted(maps, *others)

    monkeypatch.setattr(winograd, "conv_in_fitted", run)
    return seen


@pytest.mark.parametrize("size", FITTING)
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("tiles", [1, 20, 192])  # an image at a time; some, the last time fewer; all
@pytest.mark.parametrize(
    ("num", "channels", "out_channels", "groups"), [(13, 8, 24, 1), (3, 48, 32, 2), (1, 16, 8, 1)]
)
def test_values_and_gradients_are_those_of_the_direct_sum(
    num, channels, out_channels, groups, size, threads, tiles, passes, monkeypatch
):
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    monkeypatch.setattr(module, "FEW_TILES", tiles)
    inputs = drawn(num, channels, out_channels, size, groups)
    found = gradients(lambda *parts: winograd_conv(*parts, groups), *inputs)
    exact = gradients(
        lambda *parts: F.conv2d(*parts, padding=1, groups=groups),
        *(part.double() for part in inputs),
    )
    assert passes == [size]
    for mine, theirs in zip(found, exact, strict=True):
        error = (mine - theirs).abs().max() / theirs.abs().max()
        assert mine.dtype == torch.float32 and error < 3e-5


def test_many_channels():
    inputs = drawn(9, 136, 128, (7, 7))
    found = gradients(winograd_conv, *inputs)
    exact = gradients(lambda *parts: F.conv2d(*parts, padding=1), *(part.double() for part in inputs))
    for mine, theirs in zip(found, exact, strict=True):
        assert (mine - theirs).abs().max() / theirs.abs().max() < 3e-5


@pytest.mark.parametrize("size", FITTING)
def test_sides_that_fit(size):
    assert fits(*size, 3) and not fits(*size, 5)


@pytest.mark.parametrize("size", [(8, 8), (28, 28), (5, 5), (7, 5), (2, 3), (1, 1), (9, 2)])
def test_sides_that_do_not(size, passes):
    """Multiples of 4 have tiles of 4 alone; 1, 2 and 5 are no sum of 4s and 3s."""
    assert not fits(*size, 3)
    winograd_conv(*drawn(2, 8, 8, size)[:3])
    assert passes == []


def test_a_way_back_that_ends_here():
    maps, weight = numbers(2, 16, 7, 7), numbers(16, 16, 3, 3).requires_grad_()
    winograd_conv(maps, weight, None).sum().backward()
    expected = torch.nn.grad.conv2d_weight(maps, list(weight.shape), torch.ones(2, 16, 7, 7), padding=1)
    assert maps.grad is None and weight.grad is not None
    torch.testing.assert_close(weight.grad, expected, rtol=1e-4, atol=1e-4)


def test_what_is_no_number_reaches_no_other_image():
    maps, weight = numbers(2, 16, 7, 7), numbers(16, 16, 3, 3)
    maps[1, 3, 5, 5] = torch.nan
    out = winograd_conv(maps, weight, None)
    assert out[0].isfinite().all() and out[1].isnan().any()


def test_what_memory_held_before_is_not_seen(monkeypatch):
    monkeypatch.setattr(module, "FEW_TILES", 12)
    empty = torch.empty
    monkeypatch.setattr(torch, "empty", lambda *args, **options: empty(*args, **options).fill_(torch.nan))
    assert all(part.isfinite().all() for part in gradients(winograd_conv, *drawn(13, 8, 16, (7, 7))))
