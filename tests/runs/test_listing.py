from dataclasses import astuple
from typing import Any

import pytest
import torch

from cnnlab.config import RunConfig
from cnnlab.runs import (
    Checkpoint,
    RunFolder,
    find_runs,
    find_runs_of_any_length,
    list_runs,
    save_checkpoint,
    save_weights,
)
from some_scores import some_evaluation

STATES = ("started", "unfinished", "trained", "evaluated")


def bring_to(folder: RunFolder, state: str, step: int = 5) -> RunFolder:
    """Write what a run that came this far has written."""
    if state != "started":
        save_checkpoint(folder.checkpoints, step, Checkpoint({"a": torch.zeros(1)}, {}))
    if state in ("trained", "evaluated"):
        save_weights(folder.weights, {"a": torch.zeros(1)}, {})
    if state == "evaluated":
        folder.evaluation = some_evaluation(0.75)
    return folder


@pytest.mark.parametrize("state", STATES)
def test_states(tmp_path, config, state):
    folder = bring_to(RunFolder.create(tmp_path, config), state)
    (run,) = list_runs(tmp_path)
    step = 0 if state == "started" else 5
    top1 = 0.75 if state == "evaluated" else None
    assert astuple(run)[:2] == (folder.path, state)
    assert (run.config, run.step, run.top1) == (config, step, top1)


def test_the_newest_checkpoint_counts(tmp_path, config):
    folder = bring_to(RunFolder.create(tmp_path, config), "unfinished", 9)
    bring_to(folder, "unfinished", 100_000_000)
    (folder.checkpoints / "step-abcdefgh").mkdir()
    (folder.checkpoints / ".step-00000099.tmp").mkdir()
    assert list_runs(tmp_path)[0].step == 100_000_000


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("config.toml", b"nonsense"),
        ("config.toml", b""),
        ("config.toml", b"\xff"),
        ("config.toml", b"model.name = 'x'\nfrom_the_future = 1"),
        ("eval.json", b""),
        ("eval.json", b"[1]"),
        ("eval.json", b"5"),
        ("eval.json", b'{"top5": 1}'),
        ("eval.json", b"\xff"),
        ("eval.json", b'{"top1": "x", "top1_interval": [1]}'),
        ("eval.json", b'{"top1": null}'),
    ],
)
def test_damaged_runs_are_listed_as_such(tmp_path, config, name, content):
    folder = bring_to(RunFolder.create(tmp_path, config), "evaluated")
    (folder.path / name).write_bytes(content)
    (run,) = list_runs(tmp_path)
    known = None if name == "config.toml" else config
    assert (run.state, run.config, run.step, run.top1) == ("damaged", known, 5 if known else 0, None)
    assert find_runs(tmp_path, config) == ([run] if known else [])


def test_a_folder_in_place_of_a_file_is_damage(tmp_path, config):
    folder = RunFolder.create(tmp_path, config)
    (folder.path / "eval.json").mkdir()
    assert list_runs(tmp_path)[0].state == "damaged"


def test_one_damaged_run_does_not_hide_the_others(tmp_path, config):
    for name in "xy":
        bring_to(RunFolder.create(tmp_path, config.with_changes({"recipe": name})), "evaluated")
    (next(tmp_path.glob("x-*")) / "eval.json").write_text('{"top1": "x"}')
    assert [run.state for run in list_runs(tmp_path)] == ["damaged", "evaluated"]


@pytest.mark.parametrize("name", ["~nobody-of-this-name/pictures", "x" * 5000])
def test_names_that_are_no_folder_anywhere_are_no_error(tmp_path, config, name):
    config = config.with_changes({"data.name": name})
    RunFolder.create(tmp_path, config)
    assert len(find_runs(tmp_path, config)) == 1


def test_only_run_folders_are_listed_by_name(tmp_path, config):
    assert list_runs(tmp_path / "none") == []
    assert list_runs(tmp_path) == []
    (tmp_path / "pictures").mkdir()
    (tmp_path / "config.toml").write_text("")
    folders = [RunFolder.create(tmp_path, config) for _ in range(3)]
    assert [run.path for run in list_runs(tmp_path)] == sorted(folder.path for folder in folders)
    assert list_runs(tmp_path / "config.toml") == []


# --- find_runs ------------------------------------------------------------------------------------------


def test_the_most_advanced_run_comes_first(tmp_path, config):
    for state in STATES:
        bring_to(RunFolder.create(tmp_path, config), state)
    far = bring_to(RunFolder.create(tmp_path, config), "unfinished", 50)
    found = find_runs(tmp_path, config)
    assert [run.state for run in found] == ["evaluated", "trained", "unfinished", "unfinished", "started"]
    assert found[2].path == far.path


@pytest.mark.parametrize(
    "changes",
    [{"data.root": "/elsewhere"}, {"train.checkpoint_seconds": 1.0}, {"recipe": "other"}, {}],
)
def test_what_changes_no_result_does_not_count(tmp_path, config, changes):
    RunFolder.create(tmp_path, config)
    assert len(find_runs(tmp_path, config.with_changes(changes))) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 8},
        {"model.name": "resnet20"},
        {"model.args.dropout": 0.5},
        {"data.name": "digits"},
        {"data.val_size": 100},
        {"data.augment.mirror": True},
        {"optim.lr": 0.002},
        {"schedule.warmup": 0.1},
        {"train.epochs": 11},
        {"train.batch_size": 64},
        {"evaluation.tta": "mirror"},
        {"evaluation.average": "logits"},
        {"evaluation.first": 256},
        # These ask for a way of computing. What `auto` stands for differs between machines, so a run that was
        # made with `auto` is not taken for one that asks for a way by name.
        {"device": "cpu"},
        {"precision": "bf16"},
        {"threads": 1},
    ],
)
def test_what_may_change_the_result_counts(tmp_path, config, changes: dict[str, Any]):
    RunFolder.create(tmp_path, config)
    assert find_runs(tmp_path, config.with_changes(changes)) == []


def test_a_folder_of_images_counts_by_its_place(tmp_path, config, monkeypatch):
    (tmp_path / "pictures").mkdir()
    (tmp_path / "link").symlink_to("pictures")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    RunFolder.create(tmp_path, config.with_changes({"data.name": "pictures"}))
    for name in ("./pictures", "link", "~/pictures", str(tmp_path / "pictures")):
        assert len(find_runs(tmp_path, config.with_changes({"data.name": name}))) == 1
    for name in ("photos", "..", str(tmp_path)):
        assert find_runs(tmp_path, config.with_changes({"data.name": name})) == []


def test_whole_numbers_written_as_fractions_are_equal(tmp_path):
    values: dict[str, Any] = {"model": {"name": "x"}, "train": {"epochs": 3}, "optim": {"lr": 1}}
    RunFolder.create(tmp_path, RunConfig.from_dict(values, source="test"))
    values = {"model": {"name": "x"}, "train": {"epochs": 3.0}, "optim": {"lr": 1.0}}
    assert len(find_runs(tmp_path, RunConfig.from_dict(values, source="test"))) == 1


def test_runs_of_any_length_are_finished_and_differ_in_nothing_else(tmp_path, config):
    other_lr = config.with_changes({"optim.lr": 0.5})
    bring_to(RunFolder.create(tmp_path, other_lr), "evaluated", 9)
    bring_to(RunFolder.create(tmp_path, config.with_changes({"train.steps": 8})), "unfinished", 8)
    trained = bring_to(RunFolder.create(tmp_path, config.with_changes({"train.epochs": 3.0})), "trained", 3)
    longest = bring_to(RunFolder.create(tmp_path, config.with_changes({"train.steps": 6})), "evaluated", 6)
    asked = config.with_changes({"train.steps": 5, "recipe": "another name"})
    assert [run.path for run in find_runs_of_any_length(tmp_path, asked)] == [longest.path, trained.path]
