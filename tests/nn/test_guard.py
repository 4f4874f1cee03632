"""Kernels get plain tensors that fit each other; everything else goes torch's way, or is torch's error."""

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.experimental.proxy_tensor import make_fx

from cnnlab.models import create_model
from cnnlab.nn import Conv2d, Dropout, FusedSequential, LocalResponseNorm
from cnnlab.nn.kernels import can_take

pytestmark = pytest.mark.usefixtures("kernels")
NARROW, WIDE = (1, 6, 5), (32, 32, 3)


def maps_of(channels, *, images=8, size=12):
    drawn = torch.randn(images, channels, size, size, generator=torch.Generator().manual_seed(0))
    return drawn.contiguous(memory_format=torch.channels_last)


def conv_of(channels, out_channels, kernel):
    torch.manual_seed(1)
    conv = Conv2d(channels, out_channels, kernel, padding=kernel // 2)
    assert conv.training and can_take(maps_of(channels), conv.weight, conv.bias, types=(torch.float32,))
    return conv


def torchs(conv, maps):
    return nn.Conv2d._conv_forward(conv, maps, conv.weight, conv.bias)


@pytest.mark.parametrize("shape", [NARROW, WIDE])
def test_other_channels_are_torchs_error(shape):
    conv = conv_of(*shape)
    with pytest.raises(RuntimeError, match="channels"):
        conv(maps_of(shape[0] + 2))


def test_colour_images_for_a_grey_network_are_torchs_error():
    with pytest.raises(RuntimeError, match="channels"):
        create_model("lenet5").train()(maps_of(3, size=28))


@pytest.mark.parametrize("shape", [NARROW, WIDE])
@pytest.mark.parametrize("kind", ["column", "expanded"])
def test_a_bias_may_lie_anywhere(shape, kind):
    conv = conv_of(*shape)
    packed = torch.randn(shape[1], 3)
    conv.bias = nn.Parameter(packed[:, 1] if kind == "column" else packed[:1, 0].expand(shape[1]))
    maps = maps_of(shape[0])
    torch.testing.assert_close(conv(maps), torchs(conv, maps), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("shape", [NARROW, WIDE])
def test_a_bias_of_another_type_is_torchs_error(shape):
    conv = conv_of(*shape)
    conv.bias = nn.Parameter(torch.zeros(shape[1], dtype=torch.float64))
    with pytest.raises(RuntimeError):
        conv(maps_of(shape[0]))


@pytest.mark.parametrize("shape", [NARROW, WIDE, (256, 256, 3)])
def test_torchs_defaults_change_nothing(shape):
    conv, maps = conv_of(*shape), maps_of(shape[0], size=8).requires_grad_(shape is not NARROW)
    norm, act = nn.BatchNorm2d(32), nn.ReLU()
    layers = FusedSequential(norm, act, nn.ReLU(), nn.MaxPool2d(2))
    others = maps_of(32)
    expected, of_layers = conv(maps), layers(others)
    expected.sum().backward()
    grad, conv.weight.grad = conv.weight.grad, None
    try:
        torch.set_default_dtype(torch.float64)
        with torch.device("meta"):
            found, of_layers_too = conv(maps), layers(others)
            found.sum().backward()
    finally:
        torch.set_default_dtype(torch.float32)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(conv.weight.grad, grad)
    torch.testing.assert_close(of_layers_too, of_layers)


def layers_that(kind):
    if kind == "lrn":
        return LocalResponseNorm(5, alpha=1e-2), maps_of(16)
    if kind == "stage":
        return FusedSequential(nn.ReLU(), nn.MaxPool2d(2), LocalResponseNorm(5, alpha=1e-2)), maps_of(16)
    if kind == "norm":
        return FusedSequential(nn.BatchNorm2d(16), nn.ReLU()), maps_of(16)
    return conv_of(*(NARROW if kind == "narrow" else WIDE)), maps_of(
        NARROW[0] if kind == "narrow" else WIDE[0]
    )


@pytest.mark.parametrize("kind", ["lrn", "stage", "norm", "narrow", "wide"])
def test_a_second_derivative_raises_whatever_the_first_was_taken_of(kind):
    layers, maps = layers_that(kind)
    maps.requires_grad_()
    out = layers(maps) if kind != "narrow" else layers(maps.detach())
    wanted = layers.weight if kind == "narrow" else maps
    (grad,) = torch.autograd.grad(out.mean(), wanted, create_graph=True)
    with pytest.raises(RuntimeError, match=r"higher derivatives.*CNNLAB_KERNELS=off"):
        grad.square().sum().backward()


@pytest.mark.parametrize("kind", ["stage", "norm", "narrow", "wide"])
def test_fake_tensors_and_records_go_torchs_way(kind):
    layers, maps = layers_that(kind)
    with FakeTensorMode(allow_non_fake_inputs=True) as mode:
        assert layers(mode.from_tensor(maps)).shape == layers(maps).shape
    graph = make_fx(lambda given: layers(given))(maps)
    torch.manual_seed(0)
    torch.testing.assert_close(graph(maps), layers(maps), rtol=1e-3, atol=1e-4)


@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")  # torch's own
@pytest.mark.parametrize("kind", ["stage", "narrow", "wide"])
def test_functional_gradients_and_forward_mode_work(kind):
    layers, maps = layers_that(kind)

    def loss(given):
        return layers(given).square().sum()

    found = torch.func.grad(loss)(maps)
    maps.requires_grad_(kind != "narrow")
    if maps.requires_grad:
        (expected,) = torch.autograd.grad(loss(maps), maps)
        torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)
    _, slope = torch.func.jvp(loss, (maps.detach(),), (torch.ones_like(maps),))
    torch.testing.assert_close(slope, found.sum(), rtol=1e-3, atol=1e-2)


def test_negative_views_are_read_as_what_they_stand_for():
    layers, maps = layers_that("stage")
    mirrored = torch._neg_view(maps)
    torch.testing.assert_close(layers(mirrored), layers(-maps))


def test_hooks_on_every_layer_see_all_of_them():
    layers, maps = layers_that("stage")
    seen = []
    handle = nn.modules.module.register_module_forward_hook(lambda layer, *_: seen.append(type(layer)))
    try:
        layers(maps)
    finally:
        handle.remove()
    assert seen == [nn.ReLU, nn.MaxPool2d, LocalResponseNorm, FusedSequential]


def test_what_is_no_more_that_layer_is_called():
    class Sevens(Dropout):
        def forward(self, input):
            return torch.full_like(input, 7.0)

    maps = maps_of(16)
    assert FusedSequential(nn.ReLU(), nn.MaxPool2d(2), Sevens(0.5))(maps).eq(7).all()
    relu = nn.ReLU()
    relu.forward = lambda input: torch.full_like(input, 3.0)
    assert FusedSequential(relu, nn.MaxPool2d(2))(maps).eq(3).all()

    class Nothing(Conv2d):
        def forward(self, input):
            return torch.zeros_like(super().forward(input))

    out = FusedSequential(Nothing(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2))(maps_of(1))
    assert out.eq(0).all()


def test_the_gradient_passes_what_is_no_number():
    maps = maps_of(16)
    maps[0, 0, 4, 4] = torch.nan
    FusedSequential(nn.ReLU(), nn.MaxPool2d(2))(maps.requires_grad_()).sum().backward()
    assert maps.grad is not None and maps.grad[0, 0, 4:6, 4:6].sum() == 1

    narrow = FusedSequential(conv_of(*NARROW), nn.ReLU(), nn.MaxPool2d(2))
    maps = maps_of(1)
    maps[0, 0, 4, 4] = torch.nan
    narrow(maps).sum().backward()
    assert isinstance(narrow[0], Conv2d) and narrow[0].weight.grad is not None
    assert narrow[0].weight.grad.isnan().all()


def test_maps_without_images_are_torchs():
    conv = conv_of(*WIDE)
    alone = maps_of(WIDE[0])[0]
    assert conv(alone).shape == (32, 12, 12)
    layers = FusedSequential(conv_of(8, 8, 3), nn.ReLU(), nn.MaxPool2d(2))
    assert layers(maps_of(8)[0]).shape == (8, 6, 6)


def test_batch_norm_of_a_channel_with_an_outlier():
    maps = maps_of(16) * 0.1
    maps[0, :, 0, 0] = 1e4
    norm, plain = nn.BatchNorm2d(16), nn.BatchNorm2d(16).double()
    found = FusedSequential(norm, nn.ReLU())(maps)
    expected = plain(maps.double()).relu().float()
    assert (found - expected).abs().max() < 0.01


@pytest.mark.parametrize(
    "layers",
    [
        [nn.ReLU(), LocalResponseNorm(5, alpha=1e-4)],
        [nn.ReLU(), nn.MaxPool2d(2)],
        [nn.BatchNorm2d(8), nn.ReLU()],
        [conv_of(8, 32, 3)],
    ],
)
def test_a_batch_of_gradients_is_refused_with_a_remedy(layers):
    maps = maps_of(8).requires_grad_()
    out = FusedSequential(*layers)(maps)
    with pytest.raises(RuntimeError, match=r"one gradient at a time.*CNNLAB_KERNELS=off"):
        torch.autograd.grad(out, maps, torch.ones(3, *out.shape), is_grads_batched=True)
