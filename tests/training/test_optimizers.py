import copy
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from cnnlab.config import OptimConfig
from cnnlab.runs.checkpoint import Checkpoint, read_checkpoint, save_checkpoint
from cnnlab.training.optimizers import build_optimizer, optimizer_tensors, restore_optimizer, set_lr
from tiny_training import raw, tiny_net

RATES = [0.1, 0.05, 0.2, 0.0, 0.1]  # the rate changes from step to step
Rule = Callable[[float, float, dict[str, Any], float], float]


# --- each rule, written out for one number -------------------------------------------------------------


def sgd(w: float, g: float, s: dict[str, Any], lr: float) -> float:
    g += s["decay"] * w
    s["buffer"] = g if "buffer" not in s else s["momentum"] * s["buffer"] + g
    return w - lr * (g + s["momentum"] * s["buffer"] if s["nesterov"] else s["buffer"])


def adam(w: float, g: float, s: dict[str, Any], lr: float) -> float:
    if s["decoupled"]:
        w -= lr * s["decay"] * w
    else:
        g += s["decay"] * w
    s["t"] = s.get("t", 0) + 1
    s["m"] = 0.8 * s.get("m", 0.0) + 0.2 * g
    s["v"] = 0.95 * s.get("v", 0.0) + 0.05 * g * g
    m, v = s["m"] / (1 - 0.8 ** s["t"]), s["v"] / (1 - 0.95 ** s["t"])
    return w - lr * m / (math.sqrt(v) + 1e-3)


def adadelta(w: float, g: float, s: dict[str, Any], lr: float) -> float:
    g += s["decay"] * w
    s["square"] = 0.7 * s.get("square", 0.0) + 0.3 * g * g
    change = math.sqrt(s.get("moved", 0.0) + 1e-3) / math.sqrt(s["square"] + 1e-3) * g
    s["moved"] = 0.7 * s.get("moved", 0.0) + 0.3 * change * change
    return w - lr * change


def rmsprop(w: float, g: float, s: dict[str, Any], lr: float) -> float:
    g += s["decay"] * w
    s["square"] = 0.7 * s.get("square", 0.0) + 0.3 * g * g
    s["buffer"] = s["momentum"] * s.get("buffer", 0.0) + g / (math.sqrt(s["square"]) + 1e-3)
    return w - lr * s["buffer"]


SETTINGS = {"lr": 9.9, "beta1": 0.8, "beta2": 0.95, "rho": 0.7, "eps": 1e-3}
RULES: dict[str, tuple[dict[str, Any], Rule, dict[str, Any]]] = {
    "sgd": ({"name": "sgd", "momentum": 0.9}, sgd, {"momentum": 0.9, "nesterov": False}),
    "sgd, plain": ({"name": "sgd", "momentum": 0.0}, sgd, {"momentum": 0.0, "nesterov": False}),
    "sgd, nesterov": (
        {"name": "sgd", "momentum": 0.9, "nesterov": True},
        sgd,
        {"momentum": 0.9, "nesterov": True},
    ),
    "adam": ({"name": "adam"}, adam, {"decoupled": False}),
    "adamw": ({"name": "adamw"}, adam, {"decoupled": True}),
    "adadelta": ({"name": "adadelta"}, adadelta, {}),
    "rmsprop": ({"name": "rmsprop", "momentum": 0.5}, rmsprop, {"momentum": 0.5}),
    "rmsprop, plain": ({"name": "rmsprop", "momentum": 0.0}, rmsprop, {"momentum": 0.0}),
}


class OneNumber(nn.Module):
    """A matrix of one number, so that it decays."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([[0.7]], dtype=torch.float64))


@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("case", RULES)
def test_each_rule_is_the_one_written_out(case, decay):
    settings, rule, state = RULES[case]
    state = {**state, "decay": decay}
    model = OneNumber()
    optimizer = build_optimizer(OptimConfig(**{**SETTINGS, **settings, "weight_decay": decay}), model)
    expected = 0.7
    for step, lr in enumerate(RATES):
        gradient = math.cos(3.0 * step + expected)
        model.weight.grad = torch.tensor([[gradient]], dtype=torch.float64)
        set_lr(optimizer, lr)
        optimizer.step()
        expected = rule(expected, gradient, state, lr)
        assert model.weight.item() == pytest.approx(expected, rel=1e-12), step


@pytest.mark.parametrize("lr", [0.0, 0.3])
def test_the_rate_is_that_of_the_step_not_of_the_config(lr):
    model = OneNumber()
    optimizer = build_optimizer(OptimConfig(name="sgd", lr=77.0, momentum=0.0), model)
    model.weight.grad = torch.ones(1, 1, dtype=torch.float64)
    set_lr(optimizer, lr)
    optimizer.step()
    assert model.weight.item() == pytest.approx(0.7 - lr)


# --- which weights decay --------------------------------------------------------------------------------


def decays(**settings: Any) -> dict[str, float]:
    """The decay of each parameter by name."""
    model = tiny_net()
    optimizer = build_optimizer(OptimConfig(weight_decay=0.5, **settings), model)
    by_id = {id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}
    assert len(by_id) == len(list(model.parameters()))
    return {name: by_id[id(parameter)] for name, parameter in model.named_parameters()}


def test_biases_and_normalisation_scales_do_not_decay():
    decay = decays()
    decayed = {name for name, value in decay.items() if value}
    assert decayed == {
        "features.conv1.weight",
        "features.conv2.weight",
        "head.fc1.weight",
        "head.fc2.weight",
    }
    assert {decay[name] for name in decayed} == {0.5}


def test_all_decay_where_asked():
    assert set(decays(decay_all=True).values()) == {0.5}


def test_a_network_of_biases_alone_has_one_group():
    optimizer = build_optimizer(OptimConfig(weight_decay=0.1), nn.BatchNorm2d(3))
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.0]


# --- state there and back -------------------------------------------------------------------------------


OPTIMIZERS = {
    "sgd": {"name": "sgd", "nesterov": True},
    "sgd, plain": {"name": "sgd", "momentum": 0.0},
    "adam": {"name": "adam"},
    "adamw": {"name": "adamw"},
    "adadelta": {"name": "adadelta"},
    "rmsprop": {"name": "rmsprop"},
    "rmsprop, plain": {"name": "rmsprop", "momentum": 0.0},
    "muon": {"name": "muon", "renormalise": True},
}


def fresh_model(layout: torch.memory_format) -> nn.Module:
    torch.manual_seed(0)
    return tiny_net(dropout=0.0, in_channels=3).to(memory_format=layout)  # pyright: ignore[reportCallIssue]


def do_steps(model: nn.Module, optimizer: torch.optim.Optimizer, steps: range) -> None:
    for step in steps:
        generator = torch.Generator().manual_seed(step)
        images = torch.randn(4, 3, 8, 8, generator=generator).contiguous(memory_format=torch.channels_last)
        set_lr(optimizer, 0.01 * (step + 1))
        model(images).square().sum().backward()
        optimizer.step()
        optimizer.zero_grad()


def bits(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, bytes]:
    state = optimizer_tensors(optimizer, model)
    return {name: raw(tensor) for name, tensor in {**model.state_dict(), **state}.items()}


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last], ids=["rows", "channels"])
@pytest.mark.parametrize("case", OPTIMIZERS)
def test_a_restored_optimizer_goes_on_to_the_same_bits(tmp_path, case, layout):
    config = OptimConfig(**{"weight_decay": 0.01, **OPTIMIZERS[case]})
    model = fresh_model(layout)
    optimizer = build_optimizer(config, model)
    do_steps(model, optimizer, range(4))

    weights = {f"model/{name}": value for name, value in model.state_dict().items()}
    state = {f"optimizer/{name}": value for name, value in optimizer_tensors(optimizer, model).items()}
    loaded = read_checkpoint(save_checkpoint(tmp_path, 4, Checkpoint(weights | state, {}))).tensors

    restored = fresh_model(layout)
    restored.load_state_dict({name[6:]: value for name, value in loaded.items() if name[:6] == "model/"})
    second = build_optimizer(config, restored)
    saved: dict[str, Tensor] = {name[10:]: value for name, value in loaded.items() if name[:6] != "model/"}
    restore_optimizer(second, restored, saved)
    forgetful = copy.deepcopy(restored)

    do_steps(model, optimizer, range(4, 8))
    do_steps(restored, second, range(4, 8))
    assert bits(restored, second) == bits(model, optimizer)

    without = build_optimizer(config, forgetful)
    do_steps(forgetful, without, range(4, 8))
    if saved:  # plain sgd has no state
        assert bits(forgetful, without) != bits(model, optimizer)
    else:
        assert case == "sgd, plain"


def test_restored_state_is_laid_out_as_fused_updates_need_it():
    model = fresh_model(torch.channels_last)
    optimizer = build_optimizer(OptimConfig(name="adamw"), model)
    do_steps(model, optimizer, range(1))
    saved = {name: value.contiguous().clone() for name, value in optimizer_tensors(optimizer, model).items()}
    second = build_optimizer(OptimConfig(name="adamw"), model)
    restore_optimizer(second, model, saved)
    for parameter in model.parameters():
        assert second.state[parameter]["exp_avg"].stride() == parameter.stride()


@pytest.mark.gpu
@pytest.mark.parametrize("case", OPTIMIZERS)
def test_a_restored_optimizer_goes_on_on_a_gpu(case):
    if not torch.cuda.is_available():
        pytest.skip("needs a GPU")
    config = OptimConfig(**OPTIMIZERS[case])
    model = OneNumber().float().cuda()
    optimizer = build_optimizer(config, model)
    model.weight.grad = torch.ones_like(model.weight)
    optimizer.step()
    saved = {name: value.cpu() for name, value in optimizer_tensors(optimizer, model).items()}
    second = build_optimizer(config, model)
    restore_optimizer(second, model, saved)
    for name, value in optimizer_tensors(optimizer, model).items():
        assert optimizer_tensors(second, model)[name].device == value.device
    model.weight.grad = torch.ones_like(model.weight)
    second.step()


def test_names_say_which_parameter_and_what():
    model = fresh_model(torch.contiguous_format)
    optimizer = build_optimizer(OptimConfig(name="adamw"), model)
    assert optimizer_tensors(optimizer, model) == {}
    do_steps(model, optimizer, range(1))
    names = optimizer_tensors(optimizer, model).keys()
    assert {"features.conv1.weight/exp_avg", "features.conv1.weight/exp_avg_sq"} <= names
    assert len(names) == 3 * len(list(model.parameters()))


def test_state_of_an_unknown_parameter_is_an_error():
    model = fresh_model(torch.contiguous_format)
    with pytest.raises(KeyError):
        restore_optimizer(build_optimizer(OptimConfig(), model), model, {"other/exp_avg": torch.zeros(1)})
