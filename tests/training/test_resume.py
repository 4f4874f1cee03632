"""Resume inside one process: interrupted at every step, with every optimizer, and what is refused."""

import shutil
from pathlib import Path

import pytest
import torch

from cnnlab.config import RunConfig
from cnnlab.errors import MissingResourceError, RunError
from cnnlab.runs import Checkpoint, RunFolder
from cnnlab.runs.checkpoint import list_checkpoints
from cnnlab.training import SilentProgress, loop, why_other_bits
from cnnlab.training.origin import check_same_origin, settings_of
from disk_faults import count, fail_at, watched_disk
from tiny_training import outcome, plain_config, prepare, run_tiny, tiny_config, tiny_images, whole_outcome


class StopAfter(SilentProgress):
    """Fails when a step is done, before anything is written about it."""

    def __init__(self, step: int) -> None:
        self.last = step
        self.messages: list[str] = []

    def step(self, step: int, *, loss: float, top1: float, images_per_s: float) -> None:
        if step == self.last:
            raise KeyboardInterrupt

    def message(self, text: str) -> None:
        self.messages.append(text)


def interrupted(path: Path, config: RunConfig, *steps: int) -> Path:
    """Train, interrupted at each of these steps; the next sitting goes on."""
    for step in steps:
        with pytest.raises(KeyboardInterrupt):
            run_tiny(path, config, progress=StopAfter(step))
    return path


def assert_same_in_the_end(tmp_path: Path, config: RunConfig, *steps: int) -> None:
    interrupted(tmp_path / "parts", config, *steps)
    run_tiny(tmp_path / "parts")
    assert outcome(tmp_path / "parts") == whole_outcome(config)


# --- the same bits --------------------------------------------------------------------------------------


def test_interrupted_at_every_step(tmp_path):
    assert_same_in_the_end(tmp_path, tiny_config(**BRIEF), *range(1, 11))


def test_interrupted_between_checkpoints(tmp_path):
    """Only validations save: what lies behind the last of them is done again."""
    assert_same_in_the_end(tmp_path, tiny_config(), *range(2, 25, 5))


BRIEF = {"train__steps": 10, "train__val_every": 3, "train__checkpoint_seconds": 1e-9}


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw", "adadelta", "rmsprop", "muon"])
def test_every_optimizer(tmp_path, name):
    assert_same_in_the_end(tmp_path, tiny_config(optim__name=name, optim__lr=0.01, **BRIEF), 5)


@pytest.mark.parametrize(
    "changes",
    [
        {"precision": "bf16"},
        {"schedule__name": "one-cycle", "schedule__warmup": 0.0},
        {"schedule__name": "step"},
        {"schedule__name": "triangle", "schedule__warmup": 0.0},
        {"train__candidates": 2, "train__candidates_from": 0.2},
        {"data__augment__alternating": True, "data__augment__fill": "reflect"},
        {"train__ema_decay": None},
        {"train__keep": "last"},
        {"train__steps": 64, "train__val_every": 20, "train__checkpoint_seconds": 60.0},  # has an estimate
        {"train__patience": 2, "optim__lr": 1e-12},
        {"data__augment__shift": 1.5, "data__augment__rotation": 20.0, "data__augment__fill": "mean"},
        {"data__augment__mixup": 0.4},
        {"data__augment__cutmix": 1.0},
        {"data__augment__mixup": 0.4, "data__augment__cutmix": 1.0, "train__class_weights": "balanced"},
        {"train__sampling": "balanced"},
        {"model__name": "tiny_aux_net"},
        {"data__crop_size": 6, "data__augment__pca": 0.1, "data__channels": 3},
        {"data__crop_size": 5, "data__scale": "unit", "data__augment__fill": "mean"},
        {"data__scale": "centred", "optim__lr": 1e-4},
    ],
    ids=str,
)
def test_every_kind_of_run(tmp_path, changes):
    config = tiny_config(**{**BRIEF, **changes})
    assert_same_in_the_end(tmp_path, config, config.train.steps // 2)


def test_interrupted_before_the_first_checkpoint(tmp_path):
    assert_same_in_the_end(tmp_path, tiny_config(), 1, 3, 5)


def test_a_damaged_checkpoint_is_passed_over_and_the_same_bits_come_out(tmp_path):
    config = tiny_config(train__checkpoint_seconds=1e-9)
    path = interrupted(tmp_path / "parts", config, 14)
    newest = list_checkpoints(RunFolder(path).checkpoints)[-1]
    tensors = newest / "tensors.safetensors"
    tensors.write_bytes(tensors.read_bytes()[:-1])
    progress = StopAfter(99)
    run_tiny(path, progress=progress)
    assert progress.messages == [f"{newest}: damaged checkpoint: its files differ from their sha256 sums."]
    assert outcome(path) == whole_outcome(config)


def test_all_checkpoints_damaged(tmp_path):
    path = interrupted(tmp_path / "run", tiny_config(train__checkpoint_seconds=1e-9), 14)
    metrics = (path / "metrics.jsonl").read_bytes()
    for checkpoint in list_checkpoints(RunFolder(path).checkpoints):
        (checkpoint / "state.json").unlink()
    with pytest.raises(RunError, match="all 2 checkpoints are damaged"):
        run_tiny(path)
    assert (path / "metrics.jsonl").read_bytes() == metrics


def test_a_finished_run_makes_lost_weights_again(tmp_path):
    run_tiny(tmp_path / "run")
    before = outcome(tmp_path / "run")
    (tmp_path / "run" / "model.safetensors").unlink()
    (tmp_path / "run" / "cost.json").unlink()
    run_tiny(tmp_path / "run")
    assert outcome(tmp_path / "run") == before
    assert RunFolder(tmp_path / "run").cost["steps"] == 24


def test_seconds_add_up_over_sittings(tmp_path):
    path = interrupted(tmp_path / "run", tiny_config(train__checkpoint_seconds=1e-9), 8, 16)
    run_tiny(path)
    seconds = [line["seconds"] for line in RunFolder(path).read_metrics()]
    assert seconds == sorted(seconds)


# --- a full disk ----------------------------------------------------------------------------------------


def check_full_disk_at(tmp_path: Path, config: RunConfig, call: int) -> None:
    path = tmp_path / f"call-{call}"
    with watched_disk(fail_at(call)), pytest.raises(MissingResourceError) as caught:
        run_tiny(path, config)
    assert caught.value.exit_code == 3
    assert str(path) in str(caught.value)
    run_tiny(path)
    assert outcome(path) == outcome(tmp_path / "whole")
    assert not list(path.rglob("*.tmp"))


def prepare_for_each_call(tmp_path: Path, config: RunConfig) -> int:
    """Return how many calls to the disk a run makes."""
    prepare(tmp_path / "whole", config)
    with watched_disk(count) as calls:
        run_tiny(tmp_path / "whole", config)
    for call in range(len(calls)):
        prepare(tmp_path / f"call-{call}", config)
    return len(calls)


SHORT = {"train__steps": 8, "train__val_every": 4, "train__log_every": 3}


def test_a_disk_full_at_any_time_loses_nothing(tmp_path):
    config = tiny_config(**SHORT)
    num_calls = prepare_for_each_call(tmp_path, config)
    assert num_calls > 40
    for call in range(3, num_calls - 1, 6):
        check_full_disk_at(tmp_path, config, call)


@pytest.mark.slow
def test_a_disk_full_at_every_call_loses_nothing(tmp_path):
    config = tiny_config(**SHORT)
    num_calls = prepare_for_each_call(tmp_path, config)
    full = 0
    for call in range(num_calls):
        try:
            check_full_disk_at(tmp_path, config, call)
            full += 1
        except pytest.fail.Exception:  # did not raise: a call that may fail unnoticed, such as removing
            assert outcome(tmp_path / f"call-{call}") == outcome(tmp_path / "whole")
    assert full > num_calls * 0.8


# --- what is refused ------------------------------------------------------------------------------------


@pytest.fixture
def half(tmp_path) -> Path:
    """A run interrupted in its middle."""
    return interrupted(tmp_path / "run", tiny_config(), 14)


def refusal(path: Path, **options) -> str:
    before = {p: p.read_bytes() for p in path.rglob("*") if p.is_file() and p.name != ".lock"}
    with pytest.raises(RunError) as caught:
        run_tiny(path, **options)
    assert {p: p.read_bytes() for p in before} == before  # nothing was touched
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    return message


def test_another_number_of_threads_is_refused_unless_inexact(half, monkeypatch):
    monkeypatch.setattr(torch, "set_num_threads", lambda threads: None)  # two would wait for each other
    config = RunFolder(half).config.with_changes({"threads": 2})
    message = refusal(half, config=config)
    assert message.startswith(f"{half}: cannot go on to the same bits: threads was 1, here 2.")
    assert "--threads" in message
    assert "--inexact" in message
    assert run_tiny(half, config, inexact=True).steps == 24
    assert RunFolder(half).environment["execution"]["threads"] == 2
    assert RunFolder(half).environment["inexact_at"] == [12]
    run_tiny(half, config)  # once more, with nothing changed or left to do: what happened stays known
    assert RunFolder(half).environment["inexact_at"] == [12]


def test_another_version_of_torch_is_refused_unless_inexact(half, monkeypatch):
    monkeypatch.setattr(torch, "__version__", "9.9.9")
    assert "torch was '2." in refusal(half)
    assert run_tiny(half, inexact=True).steps == 24


def test_another_precision_is_refused_unless_inexact(half):
    config = RunFolder(half).config.with_changes({"precision": "bf16"})
    told = refusal(half, config=config)
    assert "precision was 'float32', here 'bf16'" in told
    assert "'precision = \"float32\"' in config.toml" in told
    assert run_tiny(half, config, inexact=True).steps == 24


def test_another_processor_is_refused_unless_inexact(half, monkeypatch):
    monkeypatch.setattr("cnnlab.machine.cpu_name", lambda: "Another one")
    assert "here 'Another one'" in refusal(half)
    assert run_tiny(half, inexact=True).steps == 24


@pytest.mark.parametrize("inexact", [False, True])
def test_other_images_are_always_refused(half, inexact):
    other = tiny_images("train", noise=41.0)
    message = refusal(half, train=other, inexact=inexact)
    assert (
        message
        == f"{half}: the train images are not those of the checkpoint. Bring them back, or train anew."
    )
    fewer = tiny_images("val", 36)
    assert "the val images are not those of the checkpoint" in refusal(half, val=fewer, inexact=inexact)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"optim.lr": 0.01}, "optim.lr was 0.02, here 0.01"),
        ({"seed": 1}, "seed was 0, here 1"),
        ({"train.steps": 48}, "train.steps was 24, here 48"),
        ({"data.augment.mirror": False}, "data.augment.mirror was True, here False"),
        ({"data.crop_size": 6}, "data.crop_size was None, here 6"),
        ({"data.scale": "unit"}, "data.scale was 'standard', here 'unit'"),
        ({"data.augment.mixup": 0.2}, "data.augment.mixup was 0.0, here 0.2"),
        ({"data.augment.cutmix": 1.0}, "data.augment.cutmix was 0.0, here 1.0"),
        ({"train.class_weights": "balanced"}, "train.class_weights was 'none', here 'balanced'"),
        ({"train.sampling": "balanced"}, "train.sampling was 'shuffled', here 'balanced'"),
        ({"schedule.warmup": 0.2}, "schedule.warmup was 0.1, here 0.2"),
        ({"model.args.dropout": 0.5}, "model.args was {}, here {'dropout': 0.5}"),
    ],
)
def test_an_edited_config_is_refused_unless_inexact(half, change, said):
    config = RunFolder(half).config.with_changes(change)
    (half / "config.toml").write_text(config.to_toml())
    message = refusal(half)
    assert message.startswith(f"{half}: config.toml is not what the checkpoint was made with: {said}.")
    assert run_tiny(half, inexact=True).steps == config.train.steps


@pytest.mark.parametrize(
    "change",
    [
        {"train.checkpoint_seconds": 1.0},
        {"data.root": "/elsewhere"},
        {"data.name": "/moved/tiny"},
        {"recipe": "renamed"},
        {"device": "auto"},
    ],
)
def test_what_changes_no_bit_may_change(half, change, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    config = RunFolder(half).config.with_changes(change)
    run_tiny(half, config)
    one, two = outcome(half), whole_outcome()
    assert one["metrics"] == two["metrics"]
    assert one["checkpoint"] == two["checkpoint"]


@pytest.mark.parametrize("change", [{"model.args.width": 7}, {"train.ema_decay": None, "optim.name": "sgd"}])
def test_a_checkpoint_of_another_network_or_optimizer_is_never_half_used(half, change):
    config = RunFolder(half).config.with_changes(change)
    (half / "config.toml").write_text(config.to_toml())
    if "model.args.width" in change:
        message = refusal(half, inexact=True)
        assert message == (
            f"{half / 'checkpoint'}: does not fit the network and the optimizer of config.toml. "
            "Train again with `cnnlab train`."
        )
    else:
        refusal(half)


def test_a_checkpoint_of_another_run_is_refused(half, tmp_path):
    other = interrupted(tmp_path / "other", tiny_config(seed=5), 14)
    shutil.rmtree(half / "checkpoint")
    shutil.copytree(other / "checkpoint", half / "checkpoint")
    assert "seed was 5, here 0" in refusal(half)


def test_lost_metrics_are_named(half):
    (half / "metrics.jsonl").unlink()
    assert "metrics.jsonl: 0 bytes where the checkpoint has seen" in refusal(half)


def test_a_run_that_another_holds_is_refused(half):
    with RunFolder(half).locked(), pytest.raises(RunError, match="another process is writing this run"):
        run_tiny(half)


def test_differences_are_listed_whichever_side_has_a_field(tmp_path):
    same = {"fingerprints": {}, "execution": {"threads": 1}}
    before, now = {**same, "settings": {"a": 1, "gone": 2}}, {**same, "settings": {"a": 1, "new": 3}}
    with pytest.raises(RunError, match=r"new was None, here 3; .*gone was 2, here None"):
        check_same_origin(before, now, tmp_path, inexact=False)
    assert not check_same_origin(before, now, tmp_path, inexact=True)


def test_a_checkpoint_of_before_a_setting_goes_on_where_that_is_left_alone(tmp_path):
    config = plain_config()
    now = {"fingerprints": {}, "execution": {"threads": 1}, "settings": settings_of(config)}
    older = {name: value for name, value in now["settings"].items() if name != "train.candidates"}
    assert check_same_origin({**now, "settings": older}, now, tmp_path, inexact=False)
    other = {**now["settings"], "train.candidates": 4}
    with pytest.raises(RunError, match="candidates was 1, here 4"):
        check_same_origin({**now, "settings": older}, {**now, "settings": other}, tmp_path, inexact=False)


def test_inexact_where_nothing_differs_is_exact(half):
    run_tiny(half, inexact=True)
    assert outcome(half) == whole_outcome()
    assert RunFolder(half).environment["inexact_at"] == []


def test_plain_runs_too(tmp_path):
    assert_same_in_the_end(tmp_path, plain_config(**BRIEF), 2, 3, 4)


# --- asked before a run goes on -------------------------------------------------------------------------


def why(path: Path, config: RunConfig) -> str:
    return why_other_bits(RunFolder(path), config, warn=pytest.fail)


def test_why_other_bits_come_out(half, tmp_path, monkeypatch):
    config = RunFolder(half).config
    assert why(half, config) == ""
    assert why(tmp_path / "not begun", config) == ""
    monkeypatch.setattr(torch, "set_num_threads", lambda threads: None)
    different = config.with_changes({"threads": 2, "optim.lr": 0.5, "train.checkpoint_seconds": 9.0})
    assert why(half, different) == "threads was 1, here 2; optim.lr was 0.02, here 0.5"


def test_why_other_bits_passes_over_what_is_damaged(half):
    newest = list_checkpoints(RunFolder(half).checkpoints)[-1]
    (newest / "state.json").unlink()
    said: list[str] = []
    assert why_other_bits(RunFolder(half), RunFolder(half).config, warn=said.append) == ""
    assert len(said) == 1
    for checkpoint in list_checkpoints(RunFolder(half).checkpoints):
        shutil.rmtree(checkpoint)
        checkpoint.mkdir()
    with pytest.raises(RunError, match="are damaged"):
        why_other_bits(RunFolder(half), RunFolder(half).config, warn=said.append)


# --- when checkpoints are written -----------------------------------------------------------------------


def test_checkpoints_are_written_at_validations_and_whenever_the_time_has_passed(tmp_path, monkeypatch):
    saved: list[int] = []
    real = loop.save_checkpoint

    def save(folder: Path, step: int, checkpoint: Checkpoint) -> Path:
        saved.append(step)
        return real(folder, step, checkpoint)

    monkeypatch.setattr(loop, "save_checkpoint", save)
    run_tiny(tmp_path / "rarely", tiny_config())
    assert saved == [6, 12, 18, 24]
    saved.clear()
    # Each look at this clock finds one more second: a step takes 2, a save 1.
    monkeypatch.setattr(loop.Stopwatch, "lap", lambda stopwatch: 1.0)
    run_tiny(tmp_path / "often", tiny_config(train__checkpoint_seconds=10.0, train__val_every=100))
    assert saved == [6, 11, 16, 21, 24]
