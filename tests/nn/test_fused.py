"""One pass for several layers: the same values, gradients and masks as the layers one by one."""

import itertools

import pytest
import torch
from torch import nn

from cnnlab.nn import Dropout, FusedSequential, LocalResponseNorm, make_halving_pool
from cnnlab.nn import fused as module
from cnnlab.nn.fused import find_stage
from cnnlab.nn.kernels import MAX_CHANNELS, Stage, run_stage

pytestmark = pytest.mark.usefixtures("kernels")
PRECISE = {torch.float32: 1e-6, torch.float64: 1e-14, torch.bfloat16: 8e-3}  # bf16 has 8 bits


def layers_of(size=9, alpha=0.01, drop=0.0):
    norm = [LocalResponseNorm(size, alpha=alpha, k=1.5)] if size else []
    return [nn.ReLU(), make_halving_pool(overlapping=False), *norm, *([Dropout(drop)] if drop else [])]


def maps_of(*shape, dtype=torch.float32, seed=0):
    maps = 3 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
    return maps.to(dtype).contiguous(memory_format=torch.channels_last)


def value_and_gradient(network, maps):
    maps = maps.clone().requires_grad_()
    torch.manual_seed(5)
    out = network(maps)
    torch.manual_seed(6)
    out.backward(torch.randn(out.shape).to(out))
    assert maps.grad is not None
    return out.detach(), maps.grad


@pytest.fixture
def passes(monkeypatch):
    """The stages that were run in one pass."""
    seen = []

    def run(maps, stage, noise):
        seen.append(stage)
        return run_stage(maps, stage, noise)

    monkeypatch.setattr(module, "run_stage", run)
    return seen


@pytest.mark.parametrize("dtype", PRECISE)
@pytest.mark.parametrize(("size", "drop"), [*itertools.product([None, 1, 4, 5, 9], [0.0, 0.3])])
@pytest.mark.parametrize("shape", [(3, 16, 6, 4), (2, 5, 7, 7), (2, 1, 1, 1), (1, 70, 2, 3)])
def test_values_and_gradients_are_those_of_the_layers(passes, dtype, size, drop, shape):
    layers = layers_of(size, drop=drop)
    maps = maps_of(*shape, dtype=dtype)
    found, expected = (
        value_and_gradient(net, maps) for net in (FusedSequential(*layers), nn.Sequential(*layers))
    )
    assert len(passes) == 1 and (passes[0].drop, passes[0].lrn is None) == (drop, size is None)
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == dtype and one.is_contiguous(memory_format=torch.channels_last)
        torch.testing.assert_close(one, other, rtol=PRECISE[dtype], atol=PRECISE[dtype] * 4)


@pytest.mark.parametrize("size", [None, 4, 9])
def test_gradients_are_those_of_the_values(size):
    maps = maps_of(2, 6, 5, 4, dtype=torch.float64).requires_grad_()
    stage = Stage((size, 0.02, 1.5) if size else None)
    assert torch.autograd.gradcheck(lambda m: run_stage(m, stage, None), maps)


@pytest.mark.parametrize("dtype", PRECISE)
@pytest.mark.parametrize(("size", "drop"), [*itertools.product([1, 4, 5], [0.0, 0.3])])
@pytest.mark.parametrize("shape", [(3, 16, 6, 4), (2, 5, 7, 7), (1, 70, 2, 3)])
def test_the_same_without_pooling(passes, dtype, size, drop, shape):
    """As in AlexNet, which normalises before windows of 3x3 are pooled."""
    layers = [nn.ReLU(), LocalResponseNorm(size, alpha=0.01, k=1.5), *([Dropout(drop)] if drop else [])]
    maps = maps_of(*shape, dtype=dtype)
    found, expected = (
        value_and_gradient(net, maps) for net in (FusedSequential(*layers), nn.Sequential(*layers))
    )
    assert passes == [Stage((size, 0.01, 1.5), drop, pools=False)]
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == dtype and one.is_contiguous(memory_format=torch.channels_last)
        torch.testing.assert_close(one, other, rtol=PRECISE[dtype], atol=PRECISE[dtype] * 4)


def test_without_pooling_what_is_no_number_stays(passes):
    maps = maps_of(2, 8, 3, 3)
    maps[1, 3, 2, 2], maps[0, 0, 0, 0] = torch.nan, 0.0
    layers = [nn.ReLU(), LocalResponseNorm(3, alpha=0.01)]
    found, expected = (
        value_and_gradient(net, maps) for net in (FusedSequential(*layers), nn.Sequential(*layers))
    )
    assert len(passes) == 1
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, equal_nan=True)
    assert found[1][0, 0, 0, 0] == 0 and found[0][1, 3, 2, 2].isnan()


@pytest.mark.parametrize(
    "layer", [Dropout(0.5), LocalResponseNorm(5, alpha=0.1, beta=0.5), nn.MaxPool2d(3, 2)]
)
def test_relu_with_these_alone_is_no_stage(layer):
    assert find_stage([nn.ReLU(), layer, Dropout(0.5)], torch.empty(2, 4, 6, 6)) == (0, Stage())


@pytest.mark.parametrize("pools", [True, False])
def test_gradients_of_both_are_those_of_the_values(pools):
    maps = maps_of(2, 6, 5, 4, dtype=torch.float64).requires_grad_()
    stage = Stage((4, 0.02, 1.5), pools=pools)
    assert torch.autograd.gradcheck(lambda m: run_stage(m, stage, None), maps)


def test_ties_go_to_the_first_and_what_is_no_number_stays():
    layers = layers_of(None)
    maps = torch.tensor([[2.0, 2.0, -1.0, -1.0], [1.0, 2.0, -1.0, -2.0]]).repeat(1, 1, 1, 1)
    for network in (FusedSequential(*layers), nn.Sequential(*layers)):
        _, grad = value_and_gradient(network, maps)
        assert (grad != 0).tolist() == [[[[True, False, False, False], [False] * 4]]]
    for place, size in itertools.product(range(4), (None, 9)):
        maps = torch.zeros(1, 3, 2, 2)
        maps[0, 1, place // 2, place % 2] = float("nan")
        maps = maps.contiguous(memory_format=torch.channels_last)
        found, expected = (
            net(maps) for net in (FusedSequential(*layers_of(size)), nn.Sequential(*layers_of(size)))
        )
        torch.testing.assert_close(found, expected, equal_nan=True)
        assert found[0, 1].isnan().all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_very_large_and_very_small_values(dtype):
    maps = maps_of(1, 8, 4, 4, dtype=dtype)
    maps[0, 0] = 1e30
    maps[0, 1] = 1e-30
    maps[0, 2] = float("inf")
    for layers in (layers_of(None), layers_of(9)):
        found, expected = (net(maps) for net in (FusedSequential(*layers), nn.Sequential(*layers)))
        torch.testing.assert_close(found, expected, equal_nan=True, rtol=PRECISE[dtype], atol=1e-6)


def test_the_same_bits_with_any_number_of_threads():
    threads = torch.get_num_threads()
    network, maps = FusedSequential(*layers_of(drop=0.2)), maps_of(5, 16, 6, 6)
    try:
        found = []
        for number in (1, 2, 3, 8):
            torch.set_num_threads(number)
            found.append(value_and_gradient(network, maps))
    finally:
        torch.set_num_threads(threads)
    for value, grad in found[1:]:
        assert torch.equal(value, found[0][0]) and torch.equal(grad, found[0][1])


def test_without_gradients_nothing_is_kept_for_them(passes):
    network, maps = FusedSequential(*layers_of(drop=0.2)).eval(), maps_of(2, 4, 6, 6)
    with torch.no_grad():
        torch.testing.assert_close(network(maps), nn.Sequential(*network)(maps))
    assert passes == [Stage((9, 0.01, 1.5), 0.0)]


def test_what_stands_around_runs_too(passes):
    torch.manual_seed(0)
    layers = [
        nn.Conv2d(3, 8, 3), *layers_of(5), nn.Conv2d(8, 8, 3), *layers_of(None), nn.ReLU(), nn.Flatten()
    ]  # fmt: skip
    network = FusedSequential(*layers).to(memory_format=torch.channels_last)
    images = maps_of(2, 3, 14, 14)
    torch.testing.assert_close(network(images), nn.Sequential(*layers)(images))
    assert [stage.lrn is None for stage in passes] == [False, True]


@pytest.mark.parametrize(
    "watch", ["register_forward_hook", "register_forward_pre_hook", "register_full_backward_hook"]
)
def test_a_layer_that_is_watched_runs_by_itself(passes, watch):
    layers = layers_of(5)
    network, maps, seen = FusedSequential(*layers), maps_of(2, 4, 6, 6), []
    expected = value_and_gradient(network, maps)
    passes.clear()
    handle = getattr(layers[1], watch)(lambda *args: seen.append(1))
    found = value_and_gradient(network, maps)
    assert seen == [1] and passes == []
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other)
    handle.remove()
    value_and_gradient(network, maps)
    assert len(passes) == 1


@pytest.mark.parametrize(
    "layers",
    [
        [nn.ReLU()],
        [nn.Tanh(), nn.MaxPool2d(2, 2, ceil_mode=True)],
        [nn.ReLU(), nn.MaxPool2d(3, 2, padding=1)],
        [nn.ReLU(), nn.MaxPool2d(2, 2, ceil_mode=True, return_indices=True)],
        [nn.ReLU(), make_halving_pool("average", overlapping=False)],
        [nn.MaxPool2d(2, 2, ceil_mode=True), nn.ReLU()],
    ],
)
def test_other_layers_run_one_by_one(layers):
    assert find_stage(layers, torch.empty(2, 4, 6, 6))[0] == 0


@pytest.mark.parametrize(("size", "num"), [((6, 6), 2), ((6, 7), 0), ((7, 6), 0)])
def test_halves_rounded_down_are_the_same_where_nothing_is_rounded(size, num):
    assert find_stage([nn.ReLU(), nn.MaxPool2d(2, 2)], torch.empty(2, 4, *size))[0] == num
    assert find_stage([nn.ReLU(), nn.MaxPool2d(2, 2, ceil_mode=True)], torch.empty(2, 4, *size))[0] == 2


def test_a_norm_of_another_power_runs_by_itself():
    pair = layers_of(None)
    maps = torch.empty(2, 4, 6, 6)
    norm = LocalResponseNorm(5, alpha=1.0, beta=0.5)
    assert find_stage([*pair, norm, Dropout(0.5)], maps) == (2, Stage())
    assert find_stage([*pair, nn.Dropout(0.5)], maps) == (2, Stage())


def test_maps_that_the_kernel_does_not_take(passes):
    network = FusedSequential(*layers_of(None))
    for maps in (
        torch.rand(2, 4, 6, 6),  # not channels-last
        maps_of(1, MAX_CHANNELS + 1, 2, 2),
        maps_of(0, 4, 6, 6),
        maps_of(2, 4, 6, 6, dtype=torch.float16),
        torch.rand(4, 6, 6),
    ):
        torch.testing.assert_close(network(maps), nn.Sequential(*network)(maps))
    assert passes == []


def test_other_devices_have_their_own_way():
    assert FusedSequential(*layers_of()).to("meta")(torch.empty(2, 4, 6, 6, device="meta")).shape == (
        2,
        4,
        3,
        3,
    )
