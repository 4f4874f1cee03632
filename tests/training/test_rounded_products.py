"""bf16 emulated by float32 against bf16 as torch computes it."""

from contextlib import nullcontext

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cnnlab.models import create_model
from cnnlab.training.rounded_products import RoundedProducts

ROUNDING = 2.0**-8
"""The largest relative error of a number rounded to bf16."""


def in_bf16(*, emulated: bool):
    return (
        torch.autocast("cpu", torch.bfloat16),
        RoundedProducts() if emulated else nullcontext(),
    )


@pytest.mark.parametrize(
    ("product", "shapes"),
    [
        (lambda one, other: one @ other, [(5, 7), (7, 3)]),
        (torch.matmul, [(2, 5, 7), (7, 3)]),
        (torch.bmm, [(2, 5, 7), (2, 7, 3)]),
        (torch.mm, [(5, 7), (7, 3)]),
        (torch.addmm, [(3,), (5, 7), (7, 3)]),
        (F.linear, [(5, 7), (3, 7), (3,)]),
        (
            lambda maps, weight, bias: F.conv2d(maps, weight, bias, padding=1),
            [(2, 3, 6, 6), (4, 3, 3, 3), (4,)],
        ),
        (lambda maps, weight: F.conv2d(maps, weight, groups=2, stride=2), [(2, 4, 6, 6), (4, 2, 3, 3)]),
        (lambda maps, weight: F.conv_transpose2d(maps, weight, padding=1), [(2, 3, 6, 6), (3, 4, 3, 3)]),
    ],
)
def test_products_and_gradients_are_those_of_bf16_to_rounding(product, shapes):
    generator = torch.Generator().manual_seed(3)
    tensors = [torch.randn(shape, generator=generator) for shape in shapes]
    found: list[list[Tensor]] = []
    for emulated in (False, True):
        inputs = [tensor.clone().requires_grad_() for tensor in tensors]
        autocast, products = in_bf16(emulated=emulated)
        with autocast, products:
            answer = product(*inputs)
        assert answer.dtype == torch.bfloat16
        answer.float().square().sum().backward()
        found.append([answer.detach().float(), *(one.grad for one in inputs if one.grad is not None)])
    assert len(found[0]) == len(found[1]) == 1 + len(shapes)
    for theirs, ours in zip(*found, strict=True):
        assert ours.dtype == theirs.dtype == torch.float32
        # Each side rounds the answer, its gradient and the gradients of the factors
        assert float((ours - theirs).norm()) <= 3 * ROUNDING * float(theirs.norm())


def test_factors_and_answer_are_rounded():
    """1 + 2^-8 is not a number of bf16 and becomes 1; 3 * (1 + 2^-7) needs a bit more than bf16 has."""
    between, short = torch.tensor([[1 + 2.0**-8]]), torch.tensor([[1 + 2.0**-7]])
    autocast, products = in_bf16(emulated=True)
    with autocast, products:
        assert float(between @ between) == 1.0
        assert float(short @ torch.tensor([[3.0]])) == 3.03125  # 3.0234375 rounded to even
    assert float(between @ between) > 1.0


def test_what_is_no_product_is_left_to_torch():
    autocast, products = in_bf16(emulated=True)
    with autocast, products:
        assert torch.ones(2).exp().dtype == torch.float32
        assert torch.equal(torch.ones(2).mul(1 + 2.0**-8), torch.full((2,), 1 + 2.0**-8))


@pytest.mark.parametrize("name", ["lenet5", "convnet_mnist", "alexnet_mnist3", "resnet20"])
def test_a_network_computes_as_in_bf16(name):
    torch.manual_seed(0)
    network = create_model(name, in_channels=1, num_classes=10).to(memory_format=torch.channels_last)
    images = torch.randn(2, 1, 28, 28).contiguous(memory_format=torch.channels_last)
    gradients: list[Tensor] = []
    for emulated in (None, False, True):
        network.zero_grad()
        torch.manual_seed(1)  # of dropout
        autocast, products = (
            in_bf16(emulated=bool(emulated)) if emulated is not None else (nullcontext(),) * 2
        )
        with autocast, products:
            logits = network(images)
        F.cross_entropy(logits.float(), torch.tensor([1, 7])).backward()
        gradients.append(
            torch.cat([one.grad.flatten() for one in network.parameters() if one.grad is not None])
        )
    float32, bf16, ours = gradients
    # The order of sums alone differs, which moves some roundings: less than all roundings against float32 do
    assert float((ours - bf16).norm()) < 0.75 * float((bf16 - float32).norm())


def test_weights_learn_in_float32():
    layer = nn.Linear(3, 2)
    autocast, products = in_bf16(emulated=True)
    with autocast, products:
        layer(torch.ones(1, 3)).sum().backward()
    assert layer.weight.grad is not None and layer.weight.grad.dtype == torch.float32
