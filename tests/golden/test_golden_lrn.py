"""Normalisation against tf.nn.lrn, forward and backward; tests/nn/test_lrn.py has the written-out formula."""

from collections.abc import Callable

import pytest
import torch
from golden_cases import LRN_CASES, LrnCase
from layouts import to_nchw, to_nhwc

from cnnlab.models import create_model
from cnnlab.nn import LocalResponseNorm


@pytest.mark.parametrize("case", LRN_CASES, ids=lambda case: case.key)
def test_values_and_gradients_are_tensorflows(case: LrnCase, stored: Callable, agree: Callable) -> None:
    arrays = stored("lrn")
    maps = to_nchw(case.maps()).requires_grad_()
    layer = LocalResponseNorm(2 * case.radius + 1, alpha=case.alpha, beta=0.75, k=case.bias)
    normalised = layer(maps)
    (grad,) = torch.autograd.grad(normalised, maps, to_nchw(case.output_grad()))
    what = f"`tf.nn.lrn`, the {case.source}'s constants"
    agree(f"{what}: values", to_nhwc(normalised), arrays[f"{case.key}-forward"], within=1e-6)
    agree(f"{what}: gradients", to_nhwc(grad), arrays[f"{case.key}-grad"], within=1e-6)


def test_these_are_the_constants_of_the_networks() -> None:
    by_source = {case.source: case for case in LRN_CASES}
    for name, args, source in [
        ("alexnet_mnist3", {}, "tutorial"),
        ("alexnet_mnist5", {"lrn": True}, "tutorial"),
        ("alexnet", {}, "paper"),
    ]:
        with torch.device("meta"):
            layers = [m for m in create_model(name, **args).modules() if isinstance(m, LocalResponseNorm)]
        case = by_source[source]
        expected = (2 * case.radius + 1, case.alpha, 0.75, case.bias)
        assert {(layer.size, layer.alpha, layer.beta, layer.k) for layer in layers} == {expected}
