"""Convolutions of few channels, one image per lane: the same function and gradient as torch's."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cnnlab.nn import Conv2d, Dropout, FusedSequential, LocalResponseNorm
from cnnlab.nn import convolution as module
from cnnlab.nn.fused import find_narrow
from cnnlab.nn.kernels import lanes_conv

pytestmark = pytest.mark.usefixtures("kernels")

NHWC = torch.channels_last


def maps_of(*shape: int, seed: int = 0, learns: bool = True) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator).contiguous(memory_format=NHWC).requires_grad_(learns)


def plain(maps: Tensor, weight: Tensor, bias: Tensor | None, *, stride: int, pad: int, how: str) -> Tensor:
    out = F.conv2d(maps, weight, bias, stride, pad)
    out = F.relu(out) if how == "relu+pool" else out
    return out if how == "conv" else F.max_pool2d(out, 2, 2, ceil_mode=True)


def flags(how: str) -> dict[str, bool]:
    return {"is_pooled": how != "conv", "is_rectified": how == "relu+pool"}


@pytest.mark.parametrize("how", ["conv", "pool", "relu+pool"])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    ("num", "channels", "out_channels", "size", "kernel", "stride", "pad"),
    [
        (16, 1, 6, (28, 28), 5, 1, 2),
        (8, 6, 16, (14, 14), 5, 1, 0),
        (13, 1, 5, (9, 12), 5, 2, 2),  # a group that is not full, halves that are rounded up
        (9, 3, 1, (7, 5), 3, 1, 1),
        (8, 2, 7, (6, 6), 1, 1, 0),
        (10, 8, 13, (5, 8), 3, 1, 2),
        (8, 4, 2, (3, 3), 3, 1, 0),  # one pixel is left
    ],
)
def test_same_function_and_gradient(num, channels, out_channels, size, kernel, stride, pad, bias, how):
    maps = maps_of(num, channels, *size, learns=stride == 1)
    weight = (maps_of(out_channels, channels, kernel, kernel, seed=1, learns=False) / kernel).requires_grad_()
    offset = maps_of(out_channels, 1, 1, 1, seed=2, learns=False).flatten().requires_grad_() if bias else None
    learned = [tensor for tensor in (maps, weight, offset) if tensor is not None and tensor.requires_grad]
    exact = plain(
        maps.double(), weight.double(), offset.double() if bias else None, stride=stride, pad=pad, how=how
    )
    found = lanes_conv(maps, weight, offset, stride=stride, pad=pad, **flags(how))
    assert found.is_contiguous(memory_format=NHWC) and found.shape == exact.shape
    torch.testing.assert_close(found.double(), exact, rtol=1e-5, atol=1e-5)
    grad = maps_of(*found.shape, seed=3, learns=False)
    for one, other in zip(
        torch.autograd.grad(found, learned, grad),
        torch.autograd.grad(exact, learned, grad.double()),
        strict=True,
    ):
        scale = float(other.abs().max())
        torch.testing.assert_close(one.double(), other.double(), rtol=1e-4, atol=1e-5 * scale)


@pytest.mark.parametrize("how", ["conv", "pool", "relu+pool"])
def test_the_number_of_threads_changes_no_bit(how):
    maps, weight, bias = (
        maps_of(29, 3, 9, 9),
        maps_of(5, 3, 3, 3, seed=1),
        maps_of(5, 1, 1, 1, seed=2).flatten(),
    )
    before, outcomes = torch.get_num_threads(), []
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            out = lanes_conv(maps, weight, bias, stride=1, pad=1, **flags(how))
            outcomes.append((out, *torch.autograd.grad(out.square().sum(), (maps, weight, bias))))
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(one, other) for one, other in zip(*outcomes, strict=True))


def test_equal_maxima_and_what_is_no_number_are_torchs():
    weight = torch.ones(1, 1, 1, 1, requires_grad=True)
    maps = torch.tensor([[2.0, 2.0, -1.0, -1.0], [2.0, 2.0, -1.0, float("nan")]])
    maps = maps.view(1, 1, 2, 4).expand(8, -1, -1, -1).contiguous(memory_format=NHWC).requires_grad_()
    for how in ("pool", "relu+pool"):
        found = lanes_conv(maps, weight, None, stride=1, pad=0, **flags(how))
        exact = plain(maps, weight, None, stride=1, pad=0, how=how)
        assert torch.equal(found.isnan(), exact.isnan()) and found[0, 0, 0, 0] == 2
        (one,) = torch.autograd.grad(found[..., 0].sum(), maps)
        (other,) = torch.autograd.grad(exact[..., 0].sum(), maps)
        assert torch.equal(one, other)


# --- in networks ----------------------------------------------------------------------------------------


@pytest.fixture
def calls(monkeypatch):
    """What `lanes_conv` was asked for."""
    seen: list[dict[str, bool]] = []

    def note(*args, **options):
        seen.append({name: options[name] for name in ("is_pooled", "is_rectified")})
        return lanes_conv(*args, **options)

    monkeypatch.setattr(module, "lanes_conv", note)
    return seen


def conv(channels: int = 1, out_channels: int = 6, kernel: int = 3, **options: object) -> Conv2d:
    torch.manual_seed(0)
    made = Conv2d(channels, out_channels, kernel, **{"padding": 1, **options})  # pyright: ignore[reportArgumentType]
    return made.to(memory_format=NHWC)  # pyright: ignore[reportCallIssue]


def test_a_narrow_convolution_takes_what_follows_into_its_pass(calls):
    network = FusedSequential(conv(), nn.ReLU(), nn.MaxPool2d(2), conv(6, 16), nn.MaxPool2d(2, 2), nn.ReLU())
    maps = maps_of(9, 1, 8, 8, learns=False)
    found = network(maps)
    assert calls == [{"is_pooled": True, "is_rectified": True}, {"is_pooled": True, "is_rectified": False}]
    torch.testing.assert_close(found, nn.Sequential(*network).eval()(maps), rtol=1e-5, atol=1e-6)


def test_a_grey_images_convolution_alone_too(calls):
    network = FusedSequential(conv(stride=2, kernel=5), nn.BatchNorm2d(6), nn.ReLU(), conv(6, 16))
    network(maps_of(8, 1, 8, 8, learns=False))
    assert calls == [{"is_pooled": False, "is_rectified": False}]  # of several channels, torch's is faster


@pytest.mark.parametrize(
    "layers",
    [
        [conv(), nn.ReLU(), nn.MaxPool2d(3, 2)],
        [conv(), nn.ReLU()],
        [conv(), nn.Tanh(), nn.MaxPool2d(2)],
        [conv(), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(2)],
        [conv(), nn.ReLU(), nn.MaxPool2d(2), LocalResponseNorm(5, alpha=1.0, beta=0.75)],
        [conv(), nn.ReLU(), nn.MaxPool2d(2), Dropout(0.5)],
        [conv(9, 6), nn.ReLU(), nn.MaxPool2d(2)],
        [conv(1, 17), nn.ReLU(), nn.MaxPool2d(2)],
        [conv(2, 6, groups=2), nn.MaxPool2d(2)],
        [conv(1, 6, padding="same"), nn.MaxPool2d(2)],
        [conv(1, 6, padding=3), nn.MaxPool2d(2)],
        [conv(1, 6, padding_mode="reflect"), nn.MaxPool2d(2)],
        [nn.Conv2d(1, 6, 3), nn.MaxPool2d(2)],
    ],
)
def test_what_goes_layer_by_layer(layers):
    maps = maps_of(8, layers[0].in_channels, 8, 8, learns=False)
    assert find_narrow(layers, maps) == 0


def test_maps_that_go_layer_by_layer():
    layers = [conv(), nn.ReLU(), nn.MaxPool2d(2)]
    assert find_narrow(layers, maps_of(8, 1, 8, 8)) == 3
    assert find_narrow(layers, maps_of(7, 1, 8, 8)) == 0  # less than a group
    assert find_narrow(layers, maps_of(8, 1, 8, 9)) == 0  # halves that are rounded down
    assert find_narrow([conv(stride=2, kernel=5), nn.MaxPool2d(2)], maps_of(8, 1, 16, 16)) == 0
    assert find_narrow(layers, maps_of(8, 1, 8, 8).double()) == 0
    with torch.no_grad():
        assert find_narrow(layers, maps_of(8, 1, 8, 8)) == 0
    layers[0].eval()
    assert find_narrow(layers, maps_of(8, 1, 8, 8)) == 0


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_layer_that_is_watched_runs_by_itself(place):
    layers = [conv(), nn.ReLU(), nn.MaxPool2d(2)]
    handle = layers[place].register_forward_hook(lambda *args: None)
    assert find_narrow(layers, maps_of(8, 1, 8, 8)) == 0
    handle.remove()
    assert find_narrow(layers, maps_of(8, 1, 8, 8)) == 3
