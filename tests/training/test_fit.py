import io
import random
from pathlib import Path

import numpy as np
import pytest
import torch

from cnnlab.data import channel_stats
from cnnlab.runs import RunFolder, load_weights
from cnnlab.training import LineProgress, SilentProgress
from cnnlab.training.execution import Execution
from cnnlab.training.state import Tally
from cnnlab.training.steps import validate
from tiny_training import outcome, plain_config, run_tiny, tiny_config, tiny_images, tiny_net, whole_outcome

FLOAT32 = Execution("cpu", "float32", 1, "", "")


def val_top1(path: Path) -> float:
    """Accuracy of a run's final weights on the validation images, worked out anew."""
    tensors, description = load_weights(RunFolder(path).weights)
    network = description["network"]
    val = tiny_images("val", 40, channels=network["in_channels"])
    model = tiny_net(num_classes=4, in_channels=network["in_channels"])
    model.load_state_dict(tensors)
    preprocessing = description["preprocessing"]
    mean, std = tuple(preprocessing["mean"]), tuple(preprocessing["std"])
    return validate(model, val, FLOAT32, mean=mean, std=std, crop_size=network["image_size"]).top1


def lines(path: Path, split: str) -> list[dict]:
    return [line for line in RunFolder(path).read_metrics() if line["split"] == split]


# --- same seed, same bits -------------------------------------------------------------------------------


@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_the_same_config_gives_the_same_bits(tmp_path, precision):
    config = tiny_config(precision=precision)
    torch.manual_seed(1)
    run_tiny(tmp_path / "one", config)
    torch.manual_seed(2)
    torch.rand(3)
    run_tiny(tmp_path / "two", config)
    one, two = outcome(tmp_path / "one"), outcome(tmp_path / "two")
    assert one["weights"] is not None
    assert one == two


def test_another_seed_gives_other_bits(tmp_path):
    run_tiny(tmp_path / "two", tiny_config(seed=1))
    one, two = whole_outcome(), outcome(tmp_path / "two")
    assert one["weights"] != two["weights"]
    assert one["metrics"] != two["metrics"]


class Nuisance(SilentProgress):
    """Draws from every global generator whenever it is told of something."""

    def step(self, step: int, *, loss: float, top1: float, images_per_s: float) -> None:
        torch.rand(step)
        torch.manual_seed(step)
        random.random()
        np.random.rand()


def test_draws_of_others_between_steps_change_nothing(tmp_path):
    run_tiny(tmp_path / "run", tiny_config(), progress=Nuisance())
    assert outcome(tmp_path / "run") == whole_outcome()


@pytest.mark.parametrize(
    "changes",
    [
        {"train__checkpoint_seconds": 1e-9},
        {"train__log_every": 1},
        {"train__val_every": 1, "train__keep": "last"},
    ],
)
def test_how_often_a_run_is_looked_at_changes_no_weight(tmp_path, changes):
    run_tiny(tmp_path / "run", tiny_config(**changes))
    usual = whole_outcome(tiny_config(train__keep=changes.get("train__keep", "best")))
    assert outcome(tmp_path / "run")["weights"] == usual["weights"]


def test_global_random_states_are_left_alone(tmp_path):
    torch.manual_seed(7)
    before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
    run_tiny(tmp_path / "run", tiny_config(train__steps=60))  # long enough for an estimate
    assert torch.equal(torch.get_rng_state(), before[0])
    assert random.getstate() == before[1]
    assert np.random.get_state()[1].tolist() == before[2]


# --- what is in the run folder --------------------------------------------------------------------------


def test_it_learns(tmp_path):
    result = run_tiny(tmp_path / "run", plain_config(train__steps=80))
    assert result.val_top1 > 0.8
    losses = [line["loss"] for line in lines(tmp_path / "run", "train")]
    assert losses[-1] < losses[0] / 2


def test_metrics_are_written_when_due(tmp_path):
    result = run_tiny(
        tmp_path / "run"
    )  # 24 steps of 16, logged every 5, validated every 6, epochs of 4 steps
    train, val = lines(tmp_path / "run", "train"), lines(tmp_path / "run", "val")
    assert [line["step"] for line in train] == [5, 10, 15, 20, 24]
    assert [line["step"] for line in val] == [6, 12, 18, 24]
    assert [line["epoch"] for line in val] == [1.5, 3.0, 4.5, 6.0]
    assert train[0].keys() == {
        "split",
        "step",
        "epoch",
        "loss",
        "top1",
        "lr",
        "images_per_s",
        "seconds",
    }
    assert val[0].keys() == {"split", "step", "epoch", "loss", "top1", "seconds"}
    assert all(0 <= line["top1"] <= 1 for line in train + val)
    assert train[-1]["lr"] == pytest.approx(0, abs=1e-12)  # cosine
    assert (result.steps, result.val_top1) == (24, val[-1]["top1"])
    seconds = [line["seconds"] for line in RunFolder(tmp_path / "run").read_metrics()]
    assert seconds == sorted(seconds)
    assert 0 < seconds[0] <= seconds[-1] <= result.seconds


def test_training_figures_are_means_since_the_last_line(tmp_path):
    run_tiny(tmp_path / "each", plain_config(train__log_every=1))
    run_tiny(tmp_path / "five", plain_config(train__log_every=5))
    each, five = lines(tmp_path / "each", "train"), lines(tmp_path / "five", "train")
    for number, line in enumerate(five):
        steps = each[5 * number : 5 * number + 5]
        assert line["loss"] == pytest.approx(sum(step["loss"] for step in steps) / len(steps), rel=1e-12)
        assert line["top1"] == pytest.approx(sum(step["top1"] for step in steps) / len(steps), rel=1e-12)


@pytest.mark.parametrize(("keep", "kept"), [("best", 1), ("last", 3)])
@pytest.mark.parametrize("ema_decay", [None, 0.8])
def test_the_run_ends_with_the_best_weights_if_asked(tmp_path, monkeypatch, keep, kept, ema_decay):
    seen = []

    def scripted(model, dataset, execution, **stats) -> Tally:
        """Four validations, the second the best; the fourth is as good as that, but later."""
        seen.append({name: value.clone() for name, value in model.state_dict().items()})
        return Tally(1.0, [10, 30, 20, 30][len(seen) - 1], 40)

    monkeypatch.setattr("cnnlab.training.loop.validate", scripted)
    run_tiny(tmp_path / "run", plain_config(train__keep=keep, train__ema_decay=ema_decay))
    tensors, _ = load_weights(RunFolder(tmp_path / "run").weights)
    assert [line["top1"] for line in lines(tmp_path / "run", "val")] == [0.25, 0.75, 0.5, 0.75]
    equal = [all(torch.equal(tensors[name], value) for name, value in state.items()) for state in seen]
    assert equal == [number == kept for number in range(4)]


def test_with_an_average_the_run_ends_with_the_average(tmp_path):
    run_tiny(tmp_path / "run", tiny_config(train__keep="last"))
    assert val_top1(tmp_path / "run") == lines(tmp_path / "run", "val")[-1]["top1"]
    tensors, _ = load_weights(RunFolder(tmp_path / "run").weights)
    checkpoint = outcome(tmp_path / "run")["checkpoint"]["tensors"]
    name = "head.fc2.weight"
    assert checkpoint[f"ema/module.{name}"][2] == tensors[name].numpy().tobytes()
    assert checkpoint[f"model/{name}"][2] != tensors[name].numpy().tobytes()


def test_each_switch_has_an_effect(tmp_path):
    brief = {"train__steps": 6}
    run_tiny(tmp_path / "plain", plain_config(**brief))
    plain = outcome(tmp_path / "plain")["weights"]
    for number, change in enumerate(
        [
            {"train__label_smoothing": 0.1},
            {"optim__clip_norm": 0.1},
            {"optim__weight_decay": 0.1},
            {"train__ema_decay": 0.9},
            {"schedule__warmup": 0.5},
            {"model__args__dropout": 0.3},
            {"data__augment__mirror": True},
            {"data__augment__noise": 0.1},
            {"data__crop_size": 6},
            {"data__scale": "unit"},
            {"data__scale": "centred"},
            {"precision": "bf16"},
        ]
    ):
        run_tiny(tmp_path / str(number), plain_config(**brief, **change))
        assert outcome(tmp_path / str(number))["weights"] != plain, change


def test_early_stopping(tmp_path):
    # Nothing is learned: the first validation is the best, the next two are no better.
    config = plain_config(optim__lr=1e-12, train__patience=2)
    result = run_tiny(tmp_path / "run", config)
    assert result.steps == 18
    assert [line["step"] for line in lines(tmp_path / "run", "val")] == [6, 12, 18]
    assert RunFolder(tmp_path / "run").weights.exists()
    before = outcome(tmp_path / "run")
    assert run_tiny(tmp_path / "run").steps == 18  # goes on with nothing
    assert outcome(tmp_path / "run") == before


def test_a_finished_run_is_left_as_it_is(tmp_path):
    run_tiny(tmp_path / "run")
    before = outcome(tmp_path / "run")
    metrics = (tmp_path / "run" / "metrics.jsonl").read_bytes()
    result = run_tiny(tmp_path / "run")
    assert result.steps == 24
    assert outcome(tmp_path / "run") == before
    assert (tmp_path / "run" / "metrics.jsonl").read_bytes() == metrics


def test_epochs_and_steps_are_two_ways_to_say_the_same(tmp_path):
    run_tiny(tmp_path / "epochs", tiny_config(train__epochs=6))
    one, two = whole_outcome(), outcome(tmp_path / "epochs")
    assert (one["weights"], one["metrics"]) == (two["weights"], two["metrics"])


def test_validation_is_once_per_epoch_if_not_told(tmp_path):
    run_tiny(tmp_path / "run", plain_config(train__steps=10, train__val_every=None))
    assert [line["step"] for line in lines(tmp_path / "run", "val")] == [4, 8, 10]


# --- what it says of itself -----------------------------------------------------------------------------


def test_the_environment_says_how_it_was_computed(tmp_path):
    run_tiny(tmp_path / "run", tiny_config(precision="bf16"))
    environment = RunFolder(tmp_path / "run").environment
    execution = environment["execution"]
    assert (execution["device"], execution["precision"], execution["threads"]) == ("cpu", "bf16", 1)
    assert environment["packages"]["torch"].startswith("2.")
    assert environment["seed"] == 0
    train, val = tiny_images("train"), tiny_images("val", 40)
    assert environment["data"]["train"] == {
        "name": "tiny",
        "num_images": 72,
        "fingerprint": train.fingerprint,
    }
    assert environment["data"]["val"]["fingerprint"] == val.fingerprint
    assert {"cpu", "cores", "memory_bytes", "system", "python", "commit"} <= environment.keys()


def test_the_cost_says_what_it_took(tmp_path):
    result = run_tiny(tmp_path / "run")
    cost = RunFolder(tmp_path / "run").cost
    assert (cost["steps"], cost["epochs"]) == (24, 6.0)
    assert cost["train_seconds"] == result.seconds
    assert cost["seconds_per_epoch"] == pytest.approx(result.seconds / 6)
    assert cost["parameters"] == sum(p.numel() for p in tiny_net(num_classes=4).parameters())
    assert cost["peak_memory_bytes"] > 10_000_000


def test_peak_memory_is_that_of_the_sitting_that_held_most(tmp_path, monkeypatch):
    monkeypatch.setattr("cnnlab.machine.peak_memory_bytes", lambda: 700)
    run_tiny(tmp_path / "run")
    monkeypatch.setattr("cnnlab.machine.peak_memory_bytes", lambda: 500)
    run_tiny(tmp_path / "run")
    assert RunFolder(tmp_path / "run").cost["peak_memory_bytes"] == 700


def test_the_weights_say_how_they_are_used(tmp_path):
    run_tiny(tmp_path / "run")
    _, description = load_weights(RunFolder(tmp_path / "run").weights)
    assert description["network"] == {
        "name": "tiny_net",
        "args": {},
        "in_channels": 1,
        "num_classes": 4,
        "image_size": 8,
    }
    assert description["class_names"] == ["a", "b", "c", "d"]
    assert description["trained_on"] == {"data": "tiny", "recipe": "tiny", "seed": 0}
    assert description["preprocessing"].keys() == {"mean", "std", "is_digits"}
    assert val_top1(tmp_path / "run") == max(line["top1"] for line in lines(tmp_path / "run", "val"))


def test_the_weights_of_a_network_that_sees_windows_tell_both_sizes(tmp_path):
    changes = {"data__crop_size": 6, "data__scale": "centred", "data__channels": 3, "data__augment__pca": 0.1}
    run_tiny(tmp_path / "run", tiny_config(**changes))
    _, description = load_weights(RunFolder(tmp_path / "run").weights)
    assert description["network"]["image_size"] == 6
    preprocessing = description["preprocessing"]
    assert preprocessing["image_size"] == 8
    mean, _ = channel_stats(tiny_images("train", channels=3))
    assert (preprocessing["mean"], preprocessing["std"]) == (list(mean), [1 / 255] * 3)
    assert val_top1(tmp_path / "run") == max(line["top1"] for line in lines(tmp_path / "run", "val"))


def test_lines_tell_loss_train_and_validation_accuracy(tmp_path):
    stream = io.StringIO()
    run_tiny(tmp_path / "run", tiny_config(train__log_every=6), progress=LineProgress(stream))
    first, *rest = stream.getvalue().splitlines()
    assert first == "tiny_net on tiny, seed 0, float32, 1 thread: 24 steps of 16 images (6 epochs)"
    assert [line.split()[1] for line in rest] == ["6/24", "12/24", "18/24", "24/24"]
    assert all("loss" in line and "train" in line and "val" in line for line in rest)
