import re
from collections import OrderedDict
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from cnnlab.errors import DivergedError
from cnnlab.models import registry
from cnnlab.runs import RunFolder, load_latest
from cnnlab.runs.checkpoint import list_checkpoints, read_checkpoint
from cnnlab.training import loop
from cnnlab.training.divergence import first_affected_layer, first_non_finite
from cnnlab.training.state import TrainingState
from tiny_training import plain_config, run_tiny, tiny_aux_net, tiny_config, tiny_net

IMAGES = torch.rand(4, 1, 8, 8)


def diverge(path: Path, config, **options) -> str:
    with pytest.raises(DivergedError) as caught:
        run_tiny(path, config, **options)
    assert caught.value.exit_code == 1
    message = str(caught.value)
    assert message.startswith(f"{path}: step ")
    assert len(message.splitlines()) == 1
    is_saved = bool(list_checkpoints(RunFolder(path).checkpoints))
    assert ("The last good checkpoint is kept." in message) == is_saved
    assert ("No checkpoint had been saved yet." in message) != is_saved
    return message


def assert_checkpoints_are_finite(path: Path) -> int:
    """Every checkpoint loads and holds finite numbers only; return how many there are."""
    paths = list_checkpoints(RunFolder(path).checkpoints)
    for checkpoint in paths:
        assert first_non_finite(read_checkpoint(checkpoint).tensors) is None, checkpoint
    return len(paths)


# --- a run that diverges --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["sgd", "rmsprop", "adamw"])
def test_a_huge_rate_is_explained_with_step_rate_and_layer(tmp_path, name):
    config = plain_config(
        optim__name=name, optim__lr=1e30, optim__weight_decay=0.1, schedule__name="constant"
    )
    message = diverge(tmp_path / "run", config)
    found = re.search(
        r"step (\d+): the loss is \S+ at a learning rate of 1e\+30; first affected: (.+?)\. ", message
    )
    assert found, message
    assert 1 < int(found[1]) <= 6
    names = [name for name, _ in tiny_net().named_modules()]
    assert any(f"'{name}" in found[2] for name in names if name), found[2]
    for remedy in ("--lr", "schedule.warmup", "clip_norm"):
        assert remedy in message


def test_images_that_are_no_numbers_are_not_blamed_on_the_rate(tmp_path, monkeypatch):
    real = loop.TrainingBatches.__getitem__

    def spoilt(batches, step):
        batch = real(batches, step)
        return batch._replace(images=batch.images * (float("nan") if step == 9 else 1.0))

    monkeypatch.setattr(loop.TrainingBatches, "__getitem__", spoilt)
    message = diverge(tmp_path / "run", plain_config())
    assert "step 10: the images themselves are not finite numbers, after augmentation" in message
    assert "data.augment" in message and "--lr" not in message
    assert assert_checkpoints_are_finite(tmp_path / "run") == 1


def test_the_last_good_checkpoint_is_kept_and_finite(tmp_path, monkeypatch):
    """The rate explodes at step 15; the run is saved after every step."""
    monkeypatch.setattr(loop, "lr_factor", lambda schedule, step, num_steps: 1e38 if step == 14 else 1.0)
    config = plain_config(optim__name="sgd", optim__lr=0.01, train__checkpoint_seconds=1e-9)
    diverge(tmp_path / "run", config)
    assert assert_checkpoints_are_finite(tmp_path / "run") == 2
    latest = load_latest(RunFolder(tmp_path / "run").checkpoints, warn=pytest.fail)
    assert latest is not None
    assert 14 <= latest.state["step"] < 24
    assert not RunFolder(tmp_path / "run").weights.exists()


def poison(monkeypatch, step: int, do) -> None:
    """Change the network after an update, as a bad update would."""
    real = loop._step

    def poisoned(setup: loop.Setup, state: TrainingState, lr: float):
        done = real(setup, state, lr)
        if state.step == step:
            with torch.no_grad():
                do(state)
        return done

    monkeypatch.setattr(loop, "_step", poisoned)


def spoil_weight(state: TrainingState) -> None:
    state.model.features.conv2.weight[0, 0] = float("nan")


@pytest.mark.parametrize("step", [13, 17, 18, 24], ids=["between", "before a validation", "at it", "last"])
@pytest.mark.parametrize("seconds", [1e-9, 60.0])
def test_a_spoilt_weight_is_named_and_never_saved(tmp_path, monkeypatch, step, seconds):
    poison(monkeypatch, step, spoil_weight)
    message = diverge(tmp_path / "run", plain_config(train__checkpoint_seconds=seconds))
    assert "'features.conv2.weight'" in message or "'model/features.conv2.weight'" in message
    seen = int(re.search(r"step (\d+)", message)[1])
    assert seen in (step, step + 1)
    assert assert_checkpoints_are_finite(tmp_path / "run") >= 1
    assert not RunFolder(tmp_path / "run").weights.exists()


def spoil_buffer(state: TrainingState) -> None:
    state.model.features.norm1.running_var[0] = float("inf")


def spoil_moment(state: TrainingState) -> None:
    state.optimizer.state[state.model.features.conv1.weight]["exp_avg_sq"].fill_(float("inf"))


def spoil_average(state: TrainingState) -> None:
    state.ema.module.head.fc1.bias[3] = float("nan")


@pytest.mark.parametrize(
    ("do", "name"),
    [
        (spoil_buffer, "features.norm1.running_var"),
        (spoil_moment, "optimizer/features.conv1.weight/exp_avg_sq"),
        (spoil_average, "head.fc1.bias"),
    ],
)
def test_nothing_that_is_not_finite_is_saved(tmp_path, monkeypatch, do, name):
    """None of these shows in the training loss."""
    poison(monkeypatch, 18, do)
    message = diverge(tmp_path / "run", tiny_config())
    assert name in message
    assert assert_checkpoints_are_finite(tmp_path / "run") == 2
    assert not RunFolder(tmp_path / "run").weights.exists()


def test_after_a_divergence_a_lower_rate_may_go_on(tmp_path, monkeypatch):
    with monkeypatch.context() as patched:
        poison(patched, 14, spoil_weight)
        diverge(tmp_path / "run", plain_config())
    result = run_tiny(tmp_path / "run", plain_config(optim__lr=0.001), inexact=True)
    assert result.steps == 24
    assert RunFolder(tmp_path / "run").weights.exists()


class Draws(nn.Module):
    """NaN for one half of the random draws; it then says so."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images * float("nan") if torch.rand(()) < 0.5 else images


@pytest.mark.parametrize("seed", range(4))
def test_what_depends_on_the_draws_of_dropout_is_found_too(tmp_path, monkeypatch, seed):
    real = registry._REGISTRY["tiny_net"].builder

    def build(**options):
        network = real(**options)
        network.head.dropout3 = Draws()
        return network

    info = replace(registry._REGISTRY["tiny_net"], builder=build)
    monkeypatch.setattr("cnnlab.models.registry.get_type_hints", lambda *args, **options: {"dropout": float})
    monkeypatch.setitem(registry._REGISTRY, "tiny_net", info)
    message = diverge(tmp_path / "run", plain_config(seed=seed))
    assert "the output of layer 'head.dropout3' (Draws)" in message


# --- which layer ----------------------------------------------------------------------------------------


def where(model: nn.Module, images: torch.Tensor = IMAGES) -> str:
    return first_affected_layer(model, images, nullcontext())


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_a_bad_weight_is_named_wherever_it_is(bad):
    for name, _ in tiny_net().named_parameters():
        model = tiny_net()
        parameter = dict(model.named_parameters())[name]
        with torch.no_grad():
            parameter.view(-1)[-1] = bad
        assert where(model) == f"the weights {name!r}, which the last update made non-finite"


@pytest.mark.parametrize("layer", ["features.conv2", "head.fc1"])
def test_an_overflow_inside_a_layer_is_named(layer):
    model = tiny_net(dropout=0.0).eval()
    with torch.no_grad():
        model.get_submodule(layer).weight.fill_(3e38)
    kind = type(model.get_submodule(layer)).__name__
    assert where(model, IMAGES * 1e3) == f"the output of layer {layer!r} ({kind})"


@pytest.mark.parametrize("layer", ["auxiliary.act1.fc", "auxiliary.act2.conv"])
def test_an_overflow_in_an_auxiliary_head_is_named_though_inference_never_goes_there(layer):
    model = tiny_aux_net(dropout=0.0).eval()
    with torch.no_grad():
        model.get_submodule(layer).weight.fill_(3e38)
        assert model(IMAGES * 1e3).isfinite().all()
    kind = type(model.get_submodule(layer)).__name__
    assert where(model, IMAGES * 1e3) == f"the output of layer {layer!r} ({kind})"


def test_a_spoilt_weight_in_an_auxiliary_head_is_named_and_never_saved(tmp_path, monkeypatch):
    def spoil(state: TrainingState) -> None:
        state.model.auxiliary["act1"].fc.weight[0, 0] = float("nan")

    poison(monkeypatch, 13, spoil)
    message = diverge(tmp_path / "run", plain_config(model__name="tiny_aux_net"))
    assert "step 14: the loss is nan" in message and "'auxiliary.act1.fc.weight'" in message
    assert assert_checkpoints_are_finite(tmp_path / "run") >= 1


def test_images_that_are_not_finite_show_in_the_first_layer():
    assert where(tiny_net(), IMAGES * float("nan")) == "the output of layer 'features.conv1' (Conv2d)"


def test_the_first_in_the_order_of_the_computation_is_named_not_of_the_definition():
    class Backwards(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.second = nn.Flatten()
            self.first = nn.Conv2d(1, 1, 1)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return self.second(self.first(images))

    assert "'first' (Conv2d)" in where(Backwards(), IMAGES * float("inf"))


def test_finite_layers_leave_the_loss():
    model = tiny_net()
    assert where(model) == "the loss itself (all layers are finite)"
    assert not any(module._forward_hooks for module in model.modules())


def test_it_is_looked_for_in_the_precision_of_the_run():
    # 1e38 * 3.39 fits into float32; as bf16, rounded up, it does not.
    model = nn.Sequential(OrderedDict(scale=nn.Linear(1, 1, bias=False)))
    with torch.no_grad():
        model.scale.weight.fill_(3.4e38)
    images = torch.ones(1, 1)
    assert where(model, images) == "the loss itself (all layers are finite)"
    found = first_affected_layer(model, images, torch.autocast("cpu", torch.bfloat16))
    assert found == "the output of layer 'scale' (Linear)"


def test_first_non_finite():
    good = {
        "a": torch.ones(2),
        "count": torch.tensor(3),
        "flag": torch.tensor([True]),
        "none": torch.zeros(0),
    }
    assert first_non_finite(good) is None
    assert first_non_finite({**good, "b": torch.tensor([1.0, float("nan")])}) == "b"
    assert first_non_finite({"x": torch.tensor(float("inf")), "b": torch.tensor(float("nan"))}) == "x"
