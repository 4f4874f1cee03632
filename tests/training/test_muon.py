"""Muon against what its source says: directions by singular values, and sgd for the rest."""

from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from cnnlab.config import OptimConfig
from cnnlab.training.muon import COEFFICIENTS, Muon, newton_schulz, orthogonal
from cnnlab.training.optimizers import build_optimizer, set_lr
from tiny_training import tiny_aux_net, tiny_net


@pytest.mark.parametrize("shape", [(5, 5), (4, 9), (12, 3), (1, 6), (6, 1)])
def test_singular_values_come_near_one_and_directions_stay(shape):
    generator = torch.Generator().manual_seed(sum(shape))
    matrix = torch.randn(*shape, generator=generator, dtype=torch.float64)
    left, values, right = torch.linalg.svd(matrix, full_matrices=False)
    a, b, c = COEFFICIENTS
    expected = values / values.norm()
    for _ in range(3):
        expected = a * expected + b * expected**3 + c * expected**5
    found = orthogonal(matrix)
    torch.testing.assert_close(found, left @ torch.diag(expected) @ right, atol=1e-6, rtol=1e-6)
    assert expected.max() < 1.3 and (expected[values > 0.3 * values[0]] > 0.6).all()


@pytest.mark.parametrize("shape", [(8, 25), (64, 600)])
def test_small_matrices_take_one_thread_and_leave_the_others(shape, monkeypatch):
    told = []
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    monkeypatch.setattr(torch, "set_num_threads", told.append)
    orthogonal(torch.ones(shape))
    assert told == ([1, 3] if shape == (8, 25) else [])


def test_threads_are_as_before_after_an_error(monkeypatch):
    told = []
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    monkeypatch.setattr(torch, "set_num_threads", told.append)
    with pytest.raises(RuntimeError):
        orthogonal(torch.ones(3, 4, dtype=torch.int64))
    assert told == [1, 3]


def test_products_in_bf16_come_near_the_same():
    matrix = torch.randn(8, 20, generator=torch.Generator().manual_seed(0))
    found, exact = newton_schulz(matrix, torch.bfloat16), newton_schulz(matrix)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, exact, atol=0.03, rtol=0)


def test_every_shape_of_a_deep_network_is_compiled(monkeypatch):
    """Torch stops at eight, without an error."""
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))
    kernels = [nn.Parameter(torch.ones(size, size)) for size in range(1, 11)]
    group = {"params": kernels, "is_orthogonal": True}
    optimizer = Muon([group], 0.1, muon_momentum=0.6, momentum=0.9, nesterov=True, renormalise=False)
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    optimizer.choose_products(None, compiled=True)
    for kernel in kernels:
        kernel.grad = torch.ones_like(kernel)
    optimizer.step()
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == 10


def test_nothing_becomes_nothing():
    assert torch.equal(orthogonal(torch.zeros(3, 4)), torch.zeros(3, 4))


def optimizer_of(model: nn.Module, **settings: Any) -> torch.optim.Optimizer:
    return build_optimizer(OptimConfig(name="muon", lr=0.5, **settings), model)


def kinds(optimizer: torch.optim.Optimizer, model: nn.Module) -> dict[str, tuple[bool, float, float]]:
    names = {parameter: name for name, parameter in model.named_parameters()}
    return {
        names[parameter]: (group["is_orthogonal"], group["lr"], group["weight_decay"])
        for group in optimizer.param_groups
        for parameter in group["params"]
    }


def test_kernels_and_hidden_matrices_are_muons_and_the_rest_is_not():
    model = tiny_net()
    settings = {"weight_decay": 0.1, "head_lr_factor": 3.0, "vector_lr_factor": 0.5}
    found = kinds(optimizer_of(model, **settings), model)
    assert len(found) == len(list(model.parameters()))
    muons = {"features.conv1.weight", "features.conv2.weight", "head.fc1.weight"}
    assert {name for name, (is_orthogonal, _, _) in found.items() if is_orthogonal} == muons
    assert {found[name][1:] for name in muons} == {(0.5, 0.1)}
    assert found["head.fc2.weight"] == (False, 1.5, 0.1)
    assert found["features.norm1.weight"] == found["head.fc2.bias"] == (False, 0.25, 0.0)


def test_the_last_layers_of_auxiliary_heads_are_not_muons_either():
    model = tiny_aux_net()
    found = kinds(optimizer_of(model, head_lr_factor=2.0), model)
    heads = {name for name, (is_orthogonal, lr, _) in found.items() if not is_orthogonal and lr == 1.0}
    assert heads == {"head.fc2.weight", "auxiliary.act1.fc.weight", "auxiliary.act2.fc.weight"}


def test_rates_keep_their_factors():
    model = tiny_net()
    optimizer = optimizer_of(model, head_lr_factor=3.0, vector_lr_factor=0.5)
    set_lr(optimizer, 0.1)
    rates = {name: lr for name, (_, lr, _) in kinds(optimizer, model).items()}
    assert rates["features.conv1.weight"] == 0.1
    assert rates["head.fc2.weight"] == pytest.approx(0.3) and rates["head.fc2.bias"] == pytest.approx(0.05)


def test_other_rules_keep_factors_too():
    model = tiny_net()
    optimizer = build_optimizer(OptimConfig(name="sgd", lr=1.0, vector_lr_factor=64.0), model)
    rates = {name: lr for name, (_, lr, _) in kinds(optimizer, model).items()}
    assert rates["features.conv1.weight"] == rates["head.fc2.weight"] == 1.0
    assert rates["features.norm1.bias"] == 64.0


class TwoLayers(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.fc = nn.Conv2d(2, 3, 2, bias=False).double(), nn.Linear(3, 2, bias=False).double()


@pytest.mark.parametrize("nesterov", [True, False])
@pytest.mark.parametrize("renormalise", [True, False])
def test_three_updates_written_out(nesterov, renormalise):
    torch.manual_seed(0)
    model = TwoLayers()
    kernel, weight = model.conv.weight.detach().clone(), model.fc.weight.detach().clone()
    settings = {"momentum": 0.8, "muon_momentum": 0.6, "weight_decay": 0.01}
    optimizer = optimizer_of(model, nesterov=nesterov, renormalise=renormalise, **settings)
    buffers: list[Tensor] = [torch.zeros_like(kernel), torch.zeros_like(weight)]
    for step, lr in enumerate((0.1, 0.3, 0.2)):
        generator = torch.Generator().manual_seed(step)
        gradients = [torch.randn(p.shape, generator=generator, dtype=torch.float64) for p in (kernel, weight)]
        model.conv.weight.grad, model.fc.weight.grad = (gradient.clone() for gradient in gradients)
        set_lr(optimizer, lr)
        optimizer.step()
        buffers[0] = 0.6 * buffers[0] + gradients[0]
        update = orthogonal((gradients[0] + 0.6 * buffers[0]).reshape(3, -1)).reshape(kernel.shape)
        kernel = kernel * 3**0.5 / kernel.norm() if renormalise else kernel
        kernel = kernel * (1 - lr * 0.01) - lr * update
        gradient = gradients[1] + 0.01 * weight
        buffers[1] = 0.8 * buffers[1] + gradient
        weight = weight - lr * (gradient + 0.8 * buffers[1] if nesterov else buffers[1])
        torch.testing.assert_close(model.conv.weight.data, kernel, rtol=1e-10, atol=1e-12)
        torch.testing.assert_close(model.fc.weight.data, weight, rtol=1e-10, atol=1e-12)


def test_what_has_no_gradient_stays():
    model = tiny_net()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    optimizer = optimizer_of(model, renormalise=True)
    optimizer.step()
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not optimizer.state
