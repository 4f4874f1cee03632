"""Max pooling by the kernel: torch's values to the bit, and its gradients."""

import sys

import pytest
import torch
from torch import nn

from cnnlab.nn import FusedSequential, quick_evaluation, run_pool
from cnnlab.nn.kernels import max_pool

pytestmark = pytest.mark.usefixtures("kernels")


@pytest.fixture
def passes(monkeypatch):
    """The shapes of maps that the kernel pooled."""
    seen, module = [], sys.modules[run_pool.__module__]

    def run(maps, *others):
        seen.append(tuple(maps.shape))
        return max_pool(maps, *others)

    monkeypatch.setattr(module, "max_pool", run)
    return seen


def numbers(*shape, seed=0):
    drawn = torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
    return drawn.contiguous(memory_format=torch.channels_last)


def learned(run, maps, draw=numbers):
    maps = maps.clone().requires_grad_()
    out = run(maps)
    (grad,) = torch.autograd.grad(out, maps, draw(*out.shape, seed=1).to(out.dtype))
    return out.detach(), grad


WINDOWS = [
    {"kernel_size": 2},
    {"kernel_size": 2, "ceil_mode": True},
    {"kernel_size": 2, "padding": 1},
    {"kernel_size": 2, "stride": 1},
    {"kernel_size": 3, "stride": 2, "padding": 1},
    {"kernel_size": 3, "stride": 2, "ceil_mode": True},
    {"kernel_size": 3, "stride": 1, "padding": 1},
    {"kernel_size": 5, "stride": 3, "padding": 2, "ceil_mode": True},
    {"kernel_size": 1, "stride": 2},
]


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("shape", [(3, 8, 7, 7), (2, 24, 6, 9), (1, 16, 13, 5), (5, 40, 8, 8)])
@pytest.mark.parametrize("windows", WINDOWS)
def test_values_and_gradients_are_torchs(passes, windows, shape, threads, monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    pool, maps = nn.MaxPool2d(**windows), numbers(*shape)
    out, grad = learned(lambda given: run_pool(pool, given), maps)
    expected, expected_grad = learned(pool, maps.double())
    assert passes == [shape]
    assert torch.equal(out.double(), expected) and out.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(grad.double(), expected_grad, rtol=1e-6, atol=1e-6)  # windows overlap


@pytest.mark.parametrize("windows", WINDOWS)
def test_of_equal_values_the_first_gets_the_gradient(passes, windows):
    pool, maps = nn.MaxPool2d(**windows), numbers(2, 8, 9, 9).round()
    for mine, theirs in zip(
        learned(lambda given: run_pool(pool, given), maps), learned(pool, maps), strict=True
    ):
        torch.testing.assert_close(mine, theirs)
    lowest = torch.full((1, 8, 4, 5), -torch.inf).contiguous(memory_format=torch.channels_last)
    assert torch.equal(run_pool(pool, lowest), pool(lowest))
    assert passes


def test_what_is_no_number_is_the_largest(passes):
    maps = numbers(2, 8, 6, 6)
    maps[0, 3, 2, 2] = torch.nan
    out, grad = learned(lambda given: run_pool(nn.MaxPool2d(2), given), maps)
    expected, expected_grad = learned(nn.MaxPool2d(2), maps)
    torch.testing.assert_close(out, expected, rtol=0, atol=0, equal_nan=True)
    assert torch.equal(grad, expected_grad) and out.isnan().sum() == 1 and passes


def hooked(pool):
    pool.register_forward_hook(lambda *arguments: None)
    return pool


@pytest.mark.parametrize(
    ("pool", "maps"),
    [
        (nn.MaxPool2d(2).eval(), numbers(2, 8, 6, 6)),
        (hooked(nn.MaxPool2d(2)), numbers(2, 8, 6, 6)),
        (nn.MaxPool2d((2, 3)), numbers(2, 8, 6, 6)),
        (nn.MaxPool2d(2, dilation=2), numbers(2, 8, 6, 6)),
        (nn.AvgPool2d(2), numbers(2, 8, 6, 6)),
        (nn.MaxPool2d(2), numbers(2, 12, 6, 6)),
        (nn.MaxPool2d(2), numbers(2, 8, 6, 6).contiguous()),
        (nn.MaxPool2d(2), numbers(2, 8, 6, 6).double()),
    ],
)
def test_everything_else_is_torchs(passes, pool, maps):
    assert torch.equal(run_pool(pool, maps), pool(maps))
    assert not passes


def test_no_window_fits(passes):
    with pytest.raises(RuntimeError, match="too small"):
        run_pool(nn.MaxPool2d(5), numbers(2, 8, 3, 3))
    assert not passes


def test_a_row_of_layers_finds_it_in_training_and_in_quick_evaluation(passes):
    row, maps = FusedSequential(nn.MaxPool2d(3, 2, padding=1), nn.Flatten()), numbers(2, 8, 6, 6)
    expected = nn.Sequential(*row)(maps)
    assert torch.equal(row(maps), expected) and len(passes) == 1
    row.eval()
    assert torch.equal(row(maps), expected) and len(passes) == 1
    with quick_evaluation(), torch.no_grad():
        assert torch.equal(row(maps), expected) and len(passes) == 2


def test_no_second_derivative(passes):
    maps = numbers(2, 8, 6, 6).requires_grad_()
    (grad,) = torch.autograd.grad(run_pool(nn.MaxPool2d(2), maps).square().sum(), maps, create_graph=True)
    with pytest.raises(RuntimeError, match="higher derivatives"):
        grad.sum().backward()
    assert passes


def numbers_in_bf16(*shape, seed=0):
    return numbers(*shape, seed=seed).bfloat16()


@pytest.mark.parametrize("windows", WINDOWS)
def test_bf16_is_torchs(passes, windows):
    """To the bit in values; gradients are summed up in float32 and rounded once."""
    pool, maps = nn.MaxPool2d(**windows), numbers_in_bf16(2, 24, 6, 9)
    maps[0, 0] = 1e-40  # below what instructions for bf16 round
    assert maps[0, 0].any()
    out, grad = learned(lambda given: run_pool(pool, given), maps, numbers_in_bf16)
    expected, expected_grad = learned(pool, maps.double(), numbers_in_bf16)
    assert passes == [maps.shape] and out.dtype == grad.dtype == torch.bfloat16
    assert torch.equal(out.double(), expected)
    assert torch.equal(grad, expected_grad.float().bfloat16())


def test_bf16_in_quick_evaluation(passes):
    pool, maps = nn.MaxPool2d(3, 2, 1).eval(), numbers_in_bf16(2, 8, 9, 9)
    maps[0, 3, 4, 4] = torch.nan
    with torch.no_grad(), quick_evaluation():
        found = run_pool(pool, maps)
    assert len(passes) == 1
    torch.testing.assert_close(found, pool(maps), rtol=0, atol=0, equal_nan=True)
