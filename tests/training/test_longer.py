"""A longer run that goes on from a shorter one: the same bits as without the shorter one, or not at all."""

import re
from pathlib import Path

import pytest

from cnnlab.config import RunConfig
from cnnlab.errors import RunError
from cnnlab.runs import RunFolder
from cnnlab.runs.checkpoint import list_checkpoints, step_of
from cnnlab.training import begin_longer, why_not_longer
from tiny_training import outcome, prepare, run_tiny, tiny_config, whole_outcome

CONSTANT = {"schedule__name": "constant", "schedule__warmup": 0.0}


def config_of(steps: int, **changes) -> RunConfig:
    return tiny_config(train__steps=steps, **{**CONSTANT, **changes})


def short_run(tmp_path: Path, steps: int, **changes) -> RunFolder:
    run_tiny(tmp_path / "short", config_of(steps, **changes))
    return RunFolder(tmp_path / "short")


@pytest.mark.parametrize(
    ("steps", "goes_on_after"),
    [
        (12, 6),  # it ends where the longer run validates, but writes no metrics: from the validation before
        (20, 18),  # the other way round
        (30, 30),  # both are due
        (7, 6),
    ],
)
def test_the_bits_are_those_of_the_longer_run(tmp_path, steps, goes_on_after):
    short, config = short_run(tmp_path, steps), config_of(36)
    before = outcome(short.path)
    longer = begin_longer(short, config, tmp_path)
    assert [step_of(path) for path in list_checkpoints(longer.checkpoints)] == [goes_on_after]
    run_tiny(longer.path)
    assert outcome(longer.path) == whole_outcome(config)
    assert longer.cost["steps"] == 36
    assert outcome(short.path) == before  # it stays as it is


def test_twice(tmp_path):
    middle = begin_longer(short_run(tmp_path, 12), config_of(20), tmp_path)
    run_tiny(middle.path)
    longer = begin_longer(middle, config_of(36), tmp_path)
    run_tiny(longer.path)
    assert outcome(longer.path) == whole_outcome(config_of(36))


def test_epochs_are_a_length_too(tmp_path):
    run_tiny(tmp_path / "short", config_of(8).with_changes({"train.epochs": 2.0, "train.log_every": 4}))
    config = config_of(8).with_changes({"train.epochs": 4.0, "train.log_every": 4})
    longer = begin_longer(RunFolder(tmp_path / "short"), config, tmp_path)
    run_tiny(longer.path)
    assert outcome(longer.path) == whole_outcome(config)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"schedule__name": "cosine"}, "only at a constant rate without warm-up.*Received: cosine"),
        ({"schedule__warmup": 0.1}, r"Received: constant with warmup=0\.1"),
        ({"train__patience": 1, "optim__lr": 1e-30}, r"train\.patience ended it after 12 steps"),
    ],
)
def test_what_is_no_beginning_is_refused(tmp_path, changes, reason):
    folder = short_run(tmp_path, 20, **changes)
    assert re.search(reason, why_not_longer(folder, config_of(36, **changes)))


@pytest.mark.parametrize("steps", [12, 11])
def test_a_longer_run_is_longer(tmp_path, steps):
    reason = why_not_longer(short_run(tmp_path, 12), config_of(steps))
    assert reason == f"train: it has done 12 steps; a longer run has more. Received: {steps}"


def test_a_run_that_begins_nowhere_in_the_longer_one(tmp_path):
    reason = why_not_longer(short_run(tmp_path, 4), config_of(36))
    assert "it ends after step 4" in reason and "log_every is 5, val_every 6" in reason


def test_an_unfinished_run_is_no_beginning(tmp_path):
    folder = prepare(tmp_path / "short", config_of(12))
    assert why_not_longer(folder, config_of(36)) == "the run has not finished"


def test_one_that_has_other_bits_is_no_beginning(tmp_path):
    folder = short_run(tmp_path, 30)
    folder.environment = {**folder.environment, "inexact_at": [5]}
    assert "--inexact" in why_not_longer(folder, config_of(36))


def test_damage_is_named_and_leaves_no_folder(tmp_path):
    folder = short_run(tmp_path, 30)
    (folder.path / "metrics.jsonl").write_bytes(b"{}\n")
    with pytest.raises(RunError, match=r"metrics.jsonl is damaged"):
        begin_longer(folder, config_of(36), tmp_path)
    (list_checkpoints(folder.checkpoints)[-1] / "state.json").write_text("{}")
    with pytest.raises(RunError, match="damaged checkpoint"):
        begin_longer(folder, config_of(36), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["short"]


def test_stopped_before_its_checkpoint_it_starts_from_the_beginning(tmp_path, monkeypatch):
    folder = short_run(tmp_path, 30)

    def stop(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr("cnnlab.training.longer.save_checkpoint", stop)
    with pytest.raises(KeyboardInterrupt):
        begin_longer(folder, config_of(36), tmp_path)
    (longer,) = (path for path in tmp_path.iterdir() if path.name != "short")
    run_tiny(longer)
    assert outcome(longer) == whole_outcome(config_of(36))


def test_hard_images_begin_at_another_step_in_a_longer_run(tmp_path):
    changes = {"train.candidates": 2, "train.candidates_from": 0.5}
    folder = short_run(tmp_path, 12, **changes)
    assert "several batches from step 6 on" in why_not_longer(folder, config_of(36, **changes))
    from_the_start = {"train.candidates": 2, "train.candidates_from": 0.0}
    folder = short_run(tmp_path / "other", 12, **from_the_start)
    assert why_not_longer(folder, config_of(36, **from_the_start)) == ""
