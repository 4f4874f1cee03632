"""bf16 emulated by float32 against bf16 as torch computes it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from cnnlab import machine
from cnnlab.models import HasAuxiliaryHeads, create_model, list_models, model_info
from cnnlab.training import choose_execution
from cnnlab.training.rounded_products import RoundedProducts
from tiny_training import plain_config

ROUNDING = 2.0**-8
"""The largest relative error of a number rounded to bf16."""

PRODUCTS = [
    (lambda one, other: one @ other, [(5, 7), (7, 3)]),
    (torch.matmul, [(2, 5, 7), (7, 3)]),
    (torch.bmm, [(2, 5, 7), (2, 7, 3)]),
    (torch.mm, [(5, 7), (7, 3)]),
    (lambda one, other: one.mm(other), [(5, 7), (7, 3)]),
    (lambda one, other: one.bmm(other), [(2, 5, 7), (2, 7, 3)]),
    (torch.addmm, [(3,), (5, 7), (7, 3)]),
    (F.linear, [(5, 7), (3, 7), (3,)]),
    (lambda maps, weight, bias: F.conv2d(maps, weight, bias, padding=1), [(2, 3, 6, 6), (4, 3, 3, 3), (4,)]),
    (lambda maps, weight: F.conv2d(maps, weight, groups=2, stride=2), [(2, 4, 6, 6), (4, 2, 3, 3)]),
    (lambda maps, weight: F.conv_transpose2d(maps, weight, padding=1), [(2, 3, 6, 6), (3, 4, 3, 3)]),
]


class TypesOfProducts(TorchDispatchMode):
    """While this lasts, the types of the factors of products are written down."""

    NAMES = ("mm", "bmm", "addmm", "baddbmm", "convolution", "convolution_backward")

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[torch.dtype] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func.name().removeprefix("aten::").split(".")[0] in self.NAMES:
            self.seen += [value.dtype for value in args if isinstance(value, Tensor)]
        return func(*args, **(kwargs or {}))


@contextmanager
def in_bf16(*, emulated: bool = True) -> Iterator[None]:
    with torch.autocast("cpu", torch.bfloat16):
        if not emulated:
            yield
            return
        with RoundedProducts():
            yield


def some_tensors(shapes: list[tuple[int, ...]]) -> list[Tensor]:
    generator = torch.Generator().manual_seed(3)
    return [torch.randn(shape, generator=generator) for shape in shapes]


# --- a product --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("product", "shapes"), PRODUCTS)
def test_products_and_gradients_are_those_of_bf16_to_rounding(
    product: Callable[..., Tensor], shapes: list[tuple[int, ...]]
):
    found: list[list[Tensor]] = []
    for emulated in (False, True):
        inputs = [tensor.requires_grad_() for tensor in some_tensors(shapes)]
        with in_bf16(emulated=emulated):
            answer = product(*inputs)
        assert answer.dtype == torch.bfloat16
        answer.float().square().sum().backward()
        found.append([answer.detach().float(), *(one.grad for one in inputs if one.grad is not None)])
    assert len(found[0]) == len(found[1]) == 1 + len(shapes)
    for theirs, ours in zip(*found, strict=True):
        assert ours.dtype == theirs.dtype == torch.float32
        # Each side rounds the answer, its gradient and the gradients of the factors
        assert float((ours - theirs).norm()) <= 3 * ROUNDING * float(theirs.norm())


@pytest.mark.parametrize(("product", "shapes"), PRODUCTS)
def test_products_are_computed_in_float32(product: Callable[..., Tensor], shapes: list[tuple[int, ...]]):
    with TypesOfProducts() as types:
        with in_bf16():
            answer = product(*(tensor.requires_grad_() for tensor in some_tensors(shapes)))
        answer.float().sum().backward()
    assert len(types.seen) >= 4 and set(types.seen) == {torch.float32}
    with TypesOfProducts() as types, in_bf16(emulated=False):
        product(*some_tensors(shapes))
    assert torch.bfloat16 in types.seen


def test_factors_and_answer_are_rounded():
    """1 + 2^-8 is not a number of bf16 and becomes 1; 3 * (1 + 2^-7) needs a bit more than bf16 has."""
    between, short = torch.tensor([[1 + 2.0**-8]]), torch.tensor([[1 + 2.0**-7]])
    with in_bf16():
        assert float(between @ between) == 1.0
        assert float(short @ torch.tensor([[3.0]])) == 3.03125  # 3.0234375 rounded to even
    assert float(between @ between) > 1.0


def test_gradients_are_rounded():
    """That of the other factor is 3 * (1 + 2^-7) again."""
    one, other = torch.tensor([[1 + 2.0**-7]], requires_grad=True), torch.tensor([[5.0]], requires_grad=True)
    with in_bf16():
        answer = one @ other
    (3 * answer.float()).sum().backward()
    assert other.grad is not None and float(other.grad) == 3.03125


def test_gradients_of_a_weight_that_is_used_twice_are_summed_in_bf16():
    """256 + 1 is no number of bf16: the sum is 256, as with autocast, which keeps one copy of a weight."""
    for emulated in (False, True):
        weight = torch.tensor([[1.0]], requires_grad=True)
        with in_bf16(emulated=emulated):
            answers = [torch.tensor([[factor]]) @ weight for factor in (256.0, 1.0)]
        sum(answer.float() for answer in answers).backward()  # pyright: ignore[reportAttributeAccessIssue]
        assert weight.grad is not None and float(weight.grad) == 256.0


# --- what is left alone -----------------------------------------------------------------------------------


def test_what_is_no_product_is_left_to_torch():
    with in_bf16():
        assert torch.ones(2).exp().dtype == torch.float32
        assert torch.equal(torch.ones(2).mul(1 + 2.0**-8), torch.full((2,), 1 + 2.0**-8))


@pytest.mark.parametrize("dtype", [torch.float64, torch.int64])
def test_types_that_autocast_leaves_alone(dtype):
    one = torch.full((1, 1), 257, dtype=dtype)  # no number of bf16
    with in_bf16():
        assert torch.equal(one @ one, torch.full((1, 1), 257**2, dtype=dtype))


def test_where_autocast_is_off_nothing_is_rounded():
    between = torch.tensor([[1 + 2.0**-8]])
    with in_bf16(), torch.autocast("cpu", enabled=False):
        product = between @ between
    assert product.dtype == torch.float32 and float(product) > 1.0


def test_a_product_that_is_written_somewhere_is_written_there():
    where = torch.zeros(1, 1)
    with in_bf16():
        torch.mm(torch.ones(1, 1), torch.full((1, 1), 3.0), out=where)
    assert float(where) == 3.0


# --- networks ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["lenet5", "convnet_mnist", "alexnet_mnist3", "resnet20"])
def test_a_network_computes_as_in_bf16(name):
    torch.manual_seed(0)
    network = create_model(name, in_channels=1, num_classes=10).to(memory_format=torch.channels_last)
    images = torch.randn(2, 1, 28, 28).contiguous(memory_format=torch.channels_last)
    gradients: list[Tensor] = []
    for way in ("float32", "torch", "emulated"):
        network.zero_grad()
        torch.manual_seed(1)  # of dropout
        if way == "float32":
            logits = network(images)
        else:
            with in_bf16(emulated=way == "emulated"):
                logits = network(images)
        F.cross_entropy(logits.float(), torch.tensor([1, 7])).backward()
        gradients.append(
            torch.cat([one.grad.flatten() for one in network.parameters() if one.grad is not None])
        )
    float32, bf16, ours = gradients
    # The order of sums alone differs, which moves some roundings: less than all roundings against float32 do
    assert float((ours - bf16).norm()) < 0.75 * float((bf16 - float32).norm())


SMALL = [name for name in list_models() if model_info(name).image_size <= 32]


@pytest.mark.parametrize("name", SMALL)
def test_no_product_of_a_network_is_left_to_torchs_slow_way(name):
    info = model_info(name)
    network = create_model(name).to(memory_format=torch.channels_last)
    images = torch.randn(2, info.in_channels, info.image_size, info.image_size)
    images = images.contiguous(memory_format=torch.channels_last)
    with TypesOfProducts() as types:
        with in_bf16():
            if isinstance(network, HasAuxiliaryHeads):
                logits, auxiliary = network.forward_with_aux(images)
                logits = torch.stack([logits, *auxiliary]).sum(0)
            else:
                logits = network(images)
        logits.float().sum().backward()
    assert torch.bfloat16 not in types.seen and torch.float32 in types.seen


def test_an_execution_takes_it_where_there_are_no_instructions(monkeypatch):
    config = plain_config(precision="bf16", device="cpu")
    for flags, dtype in ((frozenset({"avx2"}), torch.float32), (frozenset({"amx_bf16"}), torch.bfloat16)):
        monkeypatch.setattr(machine, "cpu_flags", lambda flags=flags: flags)
        execution = choose_execution(config)
        assert execution.emulated is (dtype == torch.float32)
        layer = nn.Linear(3, 2)
        with TypesOfProducts() as types, execution.autocast():
            layer(torch.ones(1, 3))
        assert dtype in types.seen
