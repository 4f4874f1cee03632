"""LRN against its formula, TensorFlow's definition, PyTorch's layer, and numerical gradients."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from cnnlab.nn import LocalResponseNorm, local_response_norm, local_response_norm_reference

SIZES = [1, 2, 3, 4, 5, 8, 9, 12]  # 12 is wider than the 7 channels of the maps


def make_maps(dtype: torch.dtype = torch.float64) -> torch.Tensor:
    maps = 3 * torch.randn(2, 7, 3, 2, dtype=dtype, generator=torch.Generator().manual_seed(0))
    maps[0, :, 0, 0] = 0.0
    return maps


def test_a_case_worked_by_hand() -> None:
    maps = torch.tensor([1.0, 2.0, 3.0, 0.0], dtype=torch.float64).view(1, 4, 1, 1)
    found = local_response_norm(maps, 3, alpha=0.5, beta=1.0, k=2.0).flatten()
    # The sums of squares over three channels are 1+4, 1+4+9, 4+9+0 and 9+0.
    expected = [1 / (2 + 2.5), 2 / (2 + 7), 3 / (2 + 6.5), 0.0]
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64))


@pytest.mark.parametrize("beta", [0.75, 0.5])
@pytest.mark.parametrize("size", SIZES)
def test_values_and_gradients_equal_the_written_out_formula(size: int, beta: float) -> None:
    maps = make_maps().requires_grad_()
    fast = local_response_norm(maps, size, alpha=0.3, beta=beta, k=1.5)
    slow = local_response_norm_reference(maps, size, alpha=0.3, beta=beta, k=1.5)
    torch.testing.assert_close(fast, slow, rtol=1e-12, atol=1e-13)
    with torch.no_grad():  # takes the path without a graph
        torch.testing.assert_close(local_response_norm(maps, size, alpha=0.3, beta=beta, k=1.5), slow)
    weights = torch.randn_like(maps)
    (fast_grad,) = torch.autograd.grad(fast, maps, weights)
    (slow_grad,) = torch.autograd.grad(slow, maps, weights)
    torch.testing.assert_close(fast_grad, slow_grad, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("size", SIZES)
def test_equals_pytorch_once_alpha_is_multiplied_by_size(size: int) -> None:
    maps = make_maps()
    found = local_response_norm(maps, size, alpha=0.3, beta=0.75, k=1.5)
    torch.testing.assert_close(found, functional.local_response_norm(maps, size, 0.3 * size, 0.75, 1.5))


@pytest.mark.parametrize(("radius", "bias", "alpha"), [(4, 1.0, 0.001 / 9), (2, 2.0, 1e-4), (1, 1.5, 0.3)])
def test_equals_the_definition_of_tf_nn_lrn(radius: int, bias: float, alpha: float) -> None:
    maps = 30 * make_maps()
    nhwc = maps.permute(0, 2, 3, 1).numpy()
    expected = np.empty_like(nhwc)
    for a, b, c, d in np.ndindex(nhwc.shape):
        first = max(0, d - radius)  # the definition's slice would wrap around below 0
        sqr_sum = np.sum(nhwc[a, b, c, first : d + radius + 1] ** 2)
        expected[a, b, c, d] = nhwc[a, b, c, d] / (bias + alpha * sqr_sum) ** 0.75
    found = LocalResponseNorm(2 * radius + 1, alpha=alpha, beta=0.75, k=bias)(maps)
    np.testing.assert_allclose(found.permute(0, 2, 3, 1).numpy(), expected, rtol=1e-12)


def test_the_papers_constants_are_five_times_pytorchs_alpha() -> None:
    maps = 30 * make_maps()
    paper = LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=2.0)(maps)
    torch.testing.assert_close(paper, functional.local_response_norm(maps, 5, 5e-4, 0.75, 2.0))


@pytest.mark.parametrize("size", [4, 5])
@pytest.mark.parametrize("beta", [0.75, 1.1])
def test_gradcheck(size: int, beta: float) -> None:
    maps = make_maps().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: local_response_norm(x, size, alpha=0.3, beta=beta, k=1.5), maps)


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_float32_is_exact_to_rounding_and_keeps_its_memory_format(memory_format: torch.memory_format) -> None:
    maps = 3 * torch.randn(4, 64, 6, 6, generator=torch.Generator().manual_seed(0))
    maps = maps.to(memory_format=memory_format).requires_grad_()
    constants = {"alpha": 0.001 / 9, "beta": 0.75, "k": 1.0}
    found = local_response_norm(maps, 9, **constants)
    (grad,) = torch.autograd.grad(found.sum(), maps)
    wide = maps.detach().double().requires_grad_()
    exact = local_response_norm_reference(wide, 9, **constants)
    (exact_grad,) = torch.autograd.grad(exact.sum(), wide)
    four_roundings = 4 * torch.finfo(torch.float32).eps
    torch.testing.assert_close(found.double(), exact, rtol=four_roundings, atol=0)
    torch.testing.assert_close(grad.double(), exact_grad, rtol=2 * four_roundings, atol=four_roundings)
    assert found.is_contiguous(memory_format=memory_format)
    assert grad.is_contiguous(memory_format=memory_format)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_types_are_computed_in_float32_under_autocast_too(dtype: torch.dtype) -> None:
    maps = make_maps(torch.float32).to(dtype).requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = LocalResponseNorm(5, alpha=0.3, k=1.0)(maps)
    expected = local_response_norm(maps.float(), 5, alpha=0.3, beta=0.75, k=1.0)
    assert found.dtype == dtype
    assert torch.equal(found, expected.to(dtype))
    found.float().sum().backward()
    assert maps.grad is not None and maps.grad.dtype == dtype


def test_a_second_derivative_is_refused_rather_than_wrong() -> None:
    maps = make_maps().requires_grad_()
    normalised = local_response_norm(maps, 3, alpha=0.3, beta=0.75, k=1.0)
    (grad,) = torch.autograd.grad(normalised.square().sum(), maps, create_graph=True)
    with pytest.raises(RuntimeError, match="higher derivatives"):
        grad.sum().backward()


def test_its_constants_can_be_read_off_a_printed_network() -> None:
    assert (
        repr(LocalResponseNorm(5, alpha=1e-4, k=2.0))
        == "LocalResponseNorm(5, alpha=0.0001, beta=0.75, k=2.0)"
    )
