"""A first convolution and the stage behind it in one pass: the same function and gradient as the layers."""

import copy
import itertools

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cnnlab.nn import Conv2d, Dropout, FusedSequential, LocalResponseNorm, make_halving_pool
from cnnlab.nn import fused as module
from cnnlab.nn.fused import find_opening
from cnnlab.nn.kernels import Stage, run_opening
from cnnlab.nn.lrn import local_response_norm

pytestmark = pytest.mark.usefixtures("kernels")

NHWC = torch.channels_last


def numbers(*shape: int, seed: int = 0) -> Tensor:
    drawn = torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
    return drawn.contiguous(memory_format=NHWC) if len(shape) == 4 else drawn


def plain(images: Tensor, weight: Tensor, bias: Tensor | None, pad: int, stage: Stage) -> Tensor:
    maps = F.max_pool2d(F.relu(F.conv2d(images, weight, bias, padding=pad)), 2, 2, ceil_mode=True)
    if stage.lrn is None:
        return maps
    size, alpha, k = stage.lrn
    return local_response_norm(maps, size, alpha=alpha, beta=0.75, k=k)


@pytest.mark.parametrize("stage", [Stage(), Stage((9, 0.05, 1.5)), Stage((4, 0.1, 1.0))])
@pytest.mark.parametrize("has_bias", [True, False])
@pytest.mark.parametrize(
    ("num", "channels", "out_channels", "size", "kernel", "pad"),
    [
        (5, 1, 64, (28, 28), 3, 1),
        (3, 1, 24, (13, 10), 5, 2),  # an odd side, a vector that is left over
        (2, 3, 8, (9, 7), 3, 1),
        (2, 2, 16, (6, 5), 4, 0),
        (1, 1, 8, (3, 3), 3, 0),  # one pixel is left
        (2, 3, 40, (4, 41), 1, 0),  # more pixels in a line than are taken at once
        (1, 1, 1024, (5, 5), 3, 2),
    ],
)
def test_same_function_and_gradient(num, channels, out_channels, size, kernel, pad, has_bias, stage):
    images = numbers(num, channels, *size)
    weight = (numbers(out_channels, channels, kernel, kernel, seed=1) / kernel).requires_grad_()
    bias = numbers(out_channels, seed=2).requires_grad_() if has_bias else None
    learned = [weight] if bias is None else [weight, bias]
    found = run_opening(images, weight, bias, pad=pad, stage=stage, noise=None)
    exact = plain(
        images.double(), weight.double(), None if bias is None else bias.double(), pad=pad, stage=stage
    )
    assert found.is_contiguous(memory_format=NHWC) and found.shape == exact.shape
    torch.testing.assert_close(found.double(), exact, rtol=1e-5, atol=1e-5)
    grad = numbers(*found.shape, seed=3)
    for one, other in zip(
        torch.autograd.grad(found, learned, grad),
        torch.autograd.grad(exact, learned, grad.double()),
        strict=True,
    ):
        torch.testing.assert_close(
            one.double(), other.double(), rtol=1e-4, atol=1e-5 * float(other.abs().max())
        )


def test_equal_maxima_and_what_is_no_number_are_torchs():
    weight, nan = torch.ones(8, 1, 1, 1), float("nan")
    images = torch.tensor([[2.0, 2.0, -1.0, -1.0, nan], [2.0, 2.0, -1.0, nan, 0.0]]).view(1, 1, 2, 5)
    outcomes = []
    for conv in (run_opening, plain):
        kernels = weight.clone().requires_grad_()
        rest = {"noise": None} if conv is run_opening else {}
        out = conv(images, kernels, None, pad=0, stage=Stage(), **rest)
        outcomes.append((out.detach(), *torch.autograd.grad(out[..., 0].sum(), kernels)))
    torch.testing.assert_close(outcomes[0][0], outcomes[1][0], equal_nan=True)
    assert outcomes[0][0].isnan().sum() == 2 * 8
    for place in range(4):  # where the gradient goes, told by the images' values there
        images = torch.tensor([[1.0, 2.0], [4.0, 8.0]])
        weight = torch.zeros(8, 1, 2, 2)
        weight[:, 0, 0, 0] = 1.0
        padded = F.pad(images.roll((-(place >> 1), -(place & 1)), (0, 1)), (0, 1, 0, 1)).view(1, 1, 3, 3)
        kernels = weight.requires_grad_()
        exact = torch.autograd.grad(plain(padded, kernels, None, 0, Stage()).sum(), kernels)
        found = run_opening(padded, kernels, None, pad=0, stage=Stage(), noise=None)
        assert torch.equal(torch.autograd.grad(found.sum(), kernels)[0], exact[0])


# --- in networks ----------------------------------------------------------------------------------------


def layers_of(channels: int = 1, out_channels: int = 16, size: int | None = 9, drop: float = 0.0, **options):
    torch.manual_seed(0)
    conv = Conv2d(channels, out_channels, 3, **{"padding": 1, **options})
    norm = [LocalResponseNorm(size, alpha=0.01, k=1.5)] if size else []
    return [
        conv.to(memory_format=NHWC),  # pyright: ignore[reportCallIssue]
        nn.ReLU(),
        make_halving_pool(overlapping=False),
        *norm,
        *([Dropout(drop)] if drop else []),
    ]


def learned(network: nn.Module, images: Tensor) -> list[Tensor]:
    network.zero_grad()
    torch.manual_seed(5)
    out = network(images)
    torch.manual_seed(6)
    out.backward(torch.randn(out.shape).to(out))
    return [out.detach(), *(p.grad.clone() for p in network.parameters() if p.grad is not None)]


@pytest.fixture
def passes(monkeypatch):
    """The stages that went with a convolution."""
    seen = []

    def run(*args, **options):
        seen.append(options["stage"])
        return run_opening(*args, **options)

    monkeypatch.setattr(module, "run_opening", run)
    return seen


@pytest.mark.parametrize(
    ("size", "drop", "channels"), list(itertools.product([None, 5, 9], [0.0, 0.3], [1, 3]))
)
def test_in_a_network_with_the_same_masks(passes, size, drop, channels):
    layers = layers_of(channels, size=size, drop=drop)
    images = numbers(4, channels, 9, 8)
    found, exact = (learned(net, images) for net in (FusedSequential(*layers), nn.Sequential(*layers)))
    assert [(stage.lrn is None, stage.drop) for stage in passes] == [(size is None, drop)]
    for one, other in zip(found, exact, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5 * float(other.abs().max()))


def test_the_number_of_threads_changes_no_bit():
    threads, network = torch.get_num_threads(), FusedSequential(*layers_of(drop=0.2))
    try:
        outcomes = []
        for number in (1, 2, 3):
            torch.set_num_threads(number)
            outcomes.append(learned(network, numbers(5, 1, 9, 9)))
    finally:
        torch.set_num_threads(threads)
    for others in outcomes[1:]:
        assert all(torch.equal(one, other) for one, other in zip(outcomes[0], others, strict=True))


@pytest.mark.parametrize(
    "layers",
    [
        layers_of()[:2],
        layers_of()[::2],
        [layers_of()[0], nn.Tanh(), *layers_of()[2:]],
        [layers_of()[0], nn.ReLU(), nn.MaxPool2d(3, 2)],
        layers_of(9),  # 81 numbers in a window
        layers_of(1, 12),
        layers_of(1, 16, stride=2),
        layers_of(1, 16, padding=3),
        layers_of(1, 16, padding="same"),
        layers_of(1, 16, padding_mode="reflect"),
        layers_of(2, 16, groups=2),
        [nn.Conv2d(1, 16, 3), nn.ReLU(), nn.MaxPool2d(2)],
    ],
)
def test_what_goes_layer_by_layer(layers):
    assert find_opening(layers, numbers(2, layers[0].in_channels, 8, 8))[0] == 0


def test_images_that_go_layer_by_layer():
    layers = layers_of(drop=0.5)
    assert find_opening(layers, numbers(2, 1, 8, 8)) == (5, Stage((9, 0.01, 1.5), 0.5))
    assert find_opening(layers, numbers(2, 1, 8, 8).requires_grad_())[0] == 0
    assert find_opening(layers, numbers(2, 1, 8, 8).double())[0] == 0
    with torch.no_grad():
        assert find_opening(layers, numbers(2, 1, 8, 8))[0] == 0
    handle = layers[1].register_forward_hook(lambda *args: None)
    assert find_opening(layers, numbers(2, 1, 8, 8))[0] == 0
    handle.remove()
    layers[0].eval()
    assert find_opening(layers, numbers(2, 1, 8, 8))[0] == 0


@pytest.mark.parametrize(("size", "drop"), [(None, 0.0), (5, 0.3), (9, 0.0)])
def test_under_autocast_to_bf16(passes, size, drop):
    """Products of rounded factors; maps are rounded once, those of layers one by one up to three times."""
    layers = layers_of(3, size=size, drop=drop)
    images = numbers(4, 3, 9, 8)
    rounded_layers = copy.deepcopy(layers)
    rounded_layers[0].weight.data = layers[0].weight.data.bfloat16().float()
    with torch.autocast("cpu", torch.bfloat16):
        found = learned(FusedSequential(*layers), images)
    exact = learned(nn.Sequential(*rounded_layers), images.bfloat16().float())
    assert len(passes) == 1 and found[0].dtype == torch.bfloat16
    assert all(grad.dtype == torch.float32 for grad in found[1:])
    torch.testing.assert_close(found[0].float(), exact[0], rtol=2**-8, atol=1e-6)
    for one, other in zip(found[1:], exact[1:], strict=True):  # sums of rounded gradients
        torch.testing.assert_close(one, other, rtol=2**-7, atol=2**-8 * float(other.abs().max()))


def test_factors_are_rounded_to_bf16(passes):
    layers = layers_of(1, size=None)
    below, above = 1 + 2**-8 - 2**-16, 1 + 2**-8 + 2**-16  # 1 and 1 + 2**-7 in bf16
    with torch.no_grad():
        layers[0].weight.zero_()[:, 0, 1, 1] = below
        layers[0].bias.zero_()
    images = torch.full((1, 1, 8, 8), 256.0)
    images[..., 4:] = 256 * above
    with torch.autocast("cpu", torch.bfloat16):
        out = FusedSequential(*layers)(images)
    assert len(passes) == 1
    assert out[..., :2].unique().tolist() == [256.0] and out[..., 2:].unique().tolist() == [258.0]


def test_autocast_to_another_type_leaves_it_to_torch(passes):
    layers, images = layers_of(), numbers(4, 1, 9, 8)
    with torch.autocast("cpu", torch.float16):
        assert FusedSequential(*layers)(images).dtype == torch.float16
    assert not passes
