"""Batch norm, addition and ReLU as one: the values, gradients and moments of the layers one by one."""

import copy
import itertools
import sys

import pytest
import torch
from torch import nn

from cnnlab.nn import FusedSequential, norm_act, quick_evaluation
from cnnlab.nn.kernels import norm_relu

pytestmark = pytest.mark.usefixtures("kernels")


@pytest.fixture
def passes(monkeypatch):
    """The shapes of maps that were normalised in the kernel."""
    seen, module = [], sys.modules[norm_act.__module__]

    def run(maps, *others):
        seen.append(tuple(maps.shape))
        return norm_relu(maps, *others)

    monkeypatch.setattr(module, "norm_relu", run)
    return seen


def numbers(*shape, seed=0, mean=0.0):
    drawn = mean + torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
    return drawn.contiguous(memory_format=torch.channels_last) if len(shape) == 4 else drawn


def make_norm(channels, **options):
    norm = nn.BatchNorm2d(channels, **options)
    with torch.no_grad():
        norm.weight.copy_(1 + numbers(channels, seed=3) / 2)
        norm.bias.copy_(numbers(channels, seed=4))
        norm.running_mean.copy_(numbers(channels, seed=5))
    return norm


def learned(norm, maps, added, grad, *, dtype=torch.float32, one_by_one=False):
    norm = copy.deepcopy(norm).to(dtype)
    maps = maps.clone().to(dtype).requires_grad_()
    added = None if added is None else added.clone().to(dtype).requires_grad_()
    if one_by_one:
        out = norm(maps) if added is None else norm(maps) + added
        out = out.relu()
    else:
        out = norm_act(norm, nn.ReLU(), maps, added)
    out.backward(grad.to(dtype))
    grads = (maps.grad, norm.weight.grad, norm.bias.grad, *([] if added is None else [added.grad]))
    return (out.detach(), *grads, norm.running_mean, norm.running_var, norm.num_batches_tracked)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("mean", [0.0, 300.0])
@pytest.mark.parametrize("is_added", [False, True])
@pytest.mark.parametrize("shape", [(3, 8, 5, 7), (2, 16, 8, 8), (5, 24, 3, 3), (2, 120, 9, 4), (2, 40, 1, 1)])
def test_all_is_as_layer_by_layer(passes, shape, is_added, mean, threads, monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    maps, grad = numbers(*shape, mean=mean), numbers(*shape, seed=1)
    added = numbers(*shape, seed=2) if is_added else None
    norm = make_norm(shape[1], momentum=0.3, eps=1e-3)
    found = learned(norm, maps, added, grad)
    exact = learned(norm, maps, added, grad, dtype=torch.float64, one_by_one=True)
    assert passes == [shape]
    for mine, theirs in zip(found, exact, strict=True):
        scale = theirs.abs().max().double().item()
        # Where the mean is 300, an input has three digits less.
        torch.testing.assert_close(mine.double(), theirs.double(), rtol=0, atol=(2e-6 + mean * 3e-6) * scale)


def test_moments_are_carried_on_from_step_to_step():
    ours, theirs = make_norm(16, momentum=0.1), make_norm(16, momentum=0.1)
    for step in range(3):
        maps = numbers(4, 16, 6, 6, seed=step).requires_grad_()
        norm_act(ours, nn.ReLU(), maps)
        theirs(maps.detach())
    for name, buffer in theirs.named_buffers():
        torch.testing.assert_close(ours.get_buffer(name), buffer)


def test_a_way_back_that_ends_here():
    """Maps, and a scale, that need no gradient get none."""
    norm = make_norm(8)
    norm.weight.requires_grad_(False)
    norm_act(norm, nn.ReLU(), numbers(2, 8, 4, 4)).sum().backward()
    assert norm.weight.grad is None and norm.bias.grad is not None


def test_what_is_no_number_is_found(passes):
    maps = numbers(2, 8, 4, 4)
    maps[1, 3, 2, 2] = torch.nan
    out = norm_act(make_norm(8), nn.ReLU(), maps)
    assert len(passes) == 1
    assert out[:, 3].isnan().all() and out[:, :3].isfinite().all() and out[:, 4:].isfinite().all()


def hooked(layer):
    layer.register_forward_hook(lambda *arguments: None)
    return layer


@pytest.mark.parametrize(
    ("norm", "act", "maps"),
    [
        (make_norm(8).eval(), nn.ReLU(), numbers(2, 8, 4, 4)),
        (make_norm(6), nn.ReLU(), numbers(2, 6, 4, 4)),  # no multiple of the lanes
        (make_norm(8), nn.Tanh(), numbers(2, 8, 4, 4)),
        (make_norm(8, momentum=None), nn.ReLU(), numbers(2, 8, 4, 4)),
        (nn.BatchNorm2d(8, affine=False), nn.ReLU(), numbers(2, 8, 4, 4)),
        (nn.BatchNorm2d(8, track_running_stats=False), nn.ReLU(), numbers(2, 8, 4, 4)),
        (make_norm(8).double(), nn.ReLU(), numbers(2, 8, 4, 4).double()),
        (make_norm(8), nn.ReLU(), torch.randn(2, 8, 4, 4)),  # not channels-last
        (hooked(make_norm(8)), nn.ReLU(), numbers(2, 8, 4, 4)),
        (make_norm(8), hooked(nn.ReLU()), numbers(2, 8, 4, 4)),
        (nn.Identity(), nn.ReLU(), numbers(2, 8, 4, 4)),
    ],
)
def test_everything_else_runs_layer_by_layer(passes, norm, act, maps):
    expected = act(copy.deepcopy(norm)(maps))
    torch.testing.assert_close(norm_act(norm, act, maps), expected, rtol=0, atol=0)
    assert not passes


def test_maps_to_add_of_another_shape_run_layer_by_layer(passes):
    norm, maps, added = make_norm(8), numbers(2, 8, 4, 4), torch.ones(8, 1, 1)
    expected = (copy.deepcopy(norm)(maps) + added).relu()
    torch.testing.assert_close(norm_act(norm, nn.ReLU(), maps, added), expected, rtol=0, atol=0)
    assert not passes


def test_an_eps_of_0_is_refused_as_torch_does():
    with pytest.raises(ValueError, match="eps"):
        norm_act(make_norm(16, eps=0.0), nn.ReLU(), numbers(2, 16, 4, 4))


def test_one_value_a_channel_is_refused_as_torch_does():
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        norm_act(make_norm(8), nn.ReLU(), numbers(1, 8, 1, 1))


def test_a_row_of_layers_finds_them(passes):
    layers = [nn.Conv2d(3, 8, 3), make_norm(8), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.ReLU()]
    network = nn.Sequential(*layers).to(memory_format=torch.channels_last)
    maps = numbers(4, 3, 8, 8)
    expected = copy.deepcopy(network)(maps)
    torch.testing.assert_close(FusedSequential(*network)(maps), expected)
    assert passes == [(4, 8, 6, 6)]


@pytest.mark.parametrize("is_added", [False, True])
@pytest.mark.parametrize("shape", [(3, 8, 5, 7), (2, 40, 6, 6), (5, 24, 3, 3)])
def test_bf16_is_the_same_to_its_rounding(passes, shape, is_added):
    """Against layers in float64 that take the same numbers of bf16; those of channels stay float32."""
    maps, grad, added = (
        numbers(*shape, seed=seed, mean=mean).bfloat16() for seed, mean in enumerate((0.5, 0.0, 0.0))
    )
    norm, others = make_norm(shape[1], momentum=0.3), added if is_added else None
    exact = learned(norm, maps, others, grad, dtype=torch.float64, one_by_one=True)
    ours = copy.deepcopy(norm)
    maps.requires_grad_()
    added.requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        out = norm_act(ours, nn.ReLU(), maps, added if is_added else None)
    out.backward(grad)
    assert passes == [shape] and out.dtype == torch.bfloat16
    assert norm.weight.dtype == ours.running_mean.dtype == torch.float32
    found = [out, maps.grad, ours.weight.grad, ours.bias.grad, *([added.grad] if is_added else [])]
    found += [ours.running_mean, ours.running_var, ours.num_batches_tracked]
    for mine, theirs in zip(found, exact, strict=True):
        bits = 2**-8 if mine.dtype == torch.bfloat16 else 2e-6
        scale = max(theirs.abs().max().double().item(), 1e-9)
        torch.testing.assert_close(mine.detach().double(), theirs.double(), rtol=bits, atol=bits / 4 * scale)


def test_bf16_that_is_no_number_is_found(passes):
    maps = numbers(2, 8, 4, 4).bfloat16()
    maps[1, 3, 2, 2] = torch.nan
    out = norm_act(make_norm(8), nn.ReLU(), maps)
    assert len(passes) == 1
    assert out[:, 3].isnan().all() and out[:, :3].isfinite().all() and out[:, 4:].isfinite().all()


def test_bf16_in_quick_evaluation():
    norm, act, maps = make_norm(8).eval(), nn.ReLU(), numbers(2, 8, 4, 4).bfloat16()
    exact = act(copy.deepcopy(norm).double()(maps.double()))
    with torch.no_grad(), quick_evaluation():
        found = norm_act(norm, act, maps)
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.double(), exact, rtol=2**-8, atol=1e-6)


def test_types_are_torchs_under_autocast(passes):
    """Batch norm keeps the type of its maps; what is added to bf16 in float32 makes float32."""
    maps, norm, act = numbers(2, 8, 4, 4), make_norm(8), nn.ReLU()
    with torch.autocast("cpu", torch.bfloat16):
        for first, added in itertools.product([maps, maps.bfloat16()], [None, maps, maps.bfloat16()]):
            expected = norm(first) if added is None else norm(first) + added
            assert norm_act(norm, act, first, added).dtype == expected.dtype
    assert len(passes) == 4  # not where types differ


def test_a_norm_in_bf16_is_torchs(passes):
    norm, maps = make_norm(8).bfloat16(), numbers(2, 8, 4, 4).bfloat16()
    expected = nn.ReLU()(copy.deepcopy(norm)(maps))
    assert torch.equal(norm_act(norm, nn.ReLU(), maps), expected) and not passes
