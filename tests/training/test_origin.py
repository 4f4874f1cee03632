import pytest
import torch

from cnnlab.errors import RunError
from cnnlab.runs import RunFolder
from cnnlab.runs.checkpoint import list_checkpoints
from cnnlab.training import why_other_bits
from tiny_training import run_tiny, tiny_config

CONFIG = tiny_config(train__steps=6, train__val_every=2)


@pytest.fixture
def folder(tmp_path):
    run_tiny(tmp_path / "run", CONFIG)
    return RunFolder(tmp_path / "run")


def refuse(message):
    raise AssertionError(message)


def test_the_same_machine_comes_to_the_same_bits(folder):
    assert why_other_bits(folder, CONFIG, warn=refuse) == ""


def test_a_run_without_checkpoints_can_still_come_to_any(tmp_path):
    assert why_other_bits(RunFolder.create(tmp_path, CONFIG), CONFIG, warn=refuse) == ""


def test_all_that_differs_is_named(folder, monkeypatch):
    monkeypatch.setattr(torch, "__version__", "9.9.9")
    changed = CONFIG.with_changes({"precision": "bf16", "optim.lr": 0.5})
    why = why_other_bits(folder, changed, warn=refuse)
    assert why == (
        f"precision was 'float32', here 'bf16'; torch was {torch_version(folder)!r}, here '9.9.9'; "
        "optim.lr was 0.02, here 0.5"
    )


def torch_version(folder):
    return folder.environment["execution"]["torch"]


def test_damaged_checkpoints_are_passed_over(folder):
    *_, before, newest = list_checkpoints(folder.checkpoints)
    said = []
    (newest / "state.json").unlink()
    assert why_other_bits(folder, CONFIG, warn=said.append) == ""
    assert len(said) == 1 and str(newest) in said[0]
    (before / "state.json").unlink()
    with pytest.raises(RunError, match="all 2 checkpoints are damaged"):
        why_other_bits(folder, CONFIG, warn=said.append)
