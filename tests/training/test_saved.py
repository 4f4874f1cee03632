"""A checkpoint whose sums are right and whose values are not is damaged: the one before it is used."""

import hashlib
import json
from pathlib import Path

import pytest

from cnnlab.errors import RunError
from cnnlab.runs import RunFolder
from cnnlab.runs.checkpoint import list_checkpoints, read_checkpoint, step_of
from cnnlab.training import SilentProgress, why_other_bits
from cnnlab.training.saved import what_is_wrong_with
from tiny_training import outcome, run_tiny, tiny_config, whole_outcome

WRONG = [
    ({"step": "x"}, "step: input should be a valid integer"),
    ({"step": -1}, "step: input should be greater than or equal to 1"),
    ({"step": 99}, "step: is 99, where the folder says "),
    ({"step": True}, "step: input should be a valid integer"),
    ({"seconds": None}, "seconds: input should be a valid number"),
    ({"seconds": -0.5}, "seconds: input should be greater than or equal to 0"),
    ({"seconds": float("nan")}, "seconds: input should be "),
    ({"metrics_bytes": "a"}, "metrics_bytes: input should be a valid integer"),
    ({"metrics_bytes": -1}, "metrics_bytes: input should be greater than or equal to 0"),
    ({"peak_memory_bytes": 0.5}, "peak_memory_bytes: input should be a valid integer"),
    ({"tally": 5}, "tally: is no table of values"),
    ({"tally": {"loss": 0.0}}, "tally.num_correct: is not there"),
    ({"val_top1": 2.0}, "val_top1: input should be less than or equal to 1"),
    ({"best_top1": "best"}, "best_top1: input should be a valid number"),
    ({"num_worse": []}, "num_worse: input should be a valid integer"),
    ({"inexact_at": 5}, "inexact_at: is no list"),
    ({"inexact_at": ["x"]}, "inexact_at.0: input should be a valid integer"),
    ({"origin": None}, "origin: is no table of values"),
    ({"origin": {"execution": 5}}, "origin.execution: is no table of values"),
]


class Listener(SilentProgress):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def message(self, text: str) -> None:
        self.messages.append(text)


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    from tiny_training import register_tiny_net

    register_tiny_net()
    path = tmp_path_factory.mktemp("saved") / "run"
    run_tiny(path)
    return path


def tamper(checkpoint: Path, change: dict) -> None:
    """Change values, and the sums with them."""
    state = json.loads((checkpoint / "state.json").read_bytes()) | change
    (checkpoint / "state.json").write_text(json.dumps(state))
    names = ("tensors.safetensors", "state.json")
    sums = [f"{hashlib.sha256((checkpoint / name).read_bytes()).hexdigest()}  {name}\n" for name in names]
    (checkpoint / "SHA256SUMS").write_text("".join(sums))


def test_what_a_run_writes_is_right(finished):
    for path in list_checkpoints(RunFolder(finished).checkpoints):
        assert what_is_wrong_with(read_checkpoint(path).state, step_of(path)) == ""


@pytest.mark.parametrize(("change", "what"), WRONG, ids=str)
def test_what_is_wrong_is_named(finished, change, what):
    path = list_checkpoints(RunFolder(finished).checkpoints)[-1]
    state = read_checkpoint(path).state
    assert what_is_wrong_with(state | change, step_of(path)).startswith(what)
    for name in change:
        assert what_is_wrong_with({k: v for k, v in state.items() if k != name}, step_of(path)) == (
            f"{name}: is not there"
        )


def test_a_state_that_is_no_table():
    assert what_is_wrong_with([], 1) == "is no table of values"  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("change", [{"step": "x"}, {"step": 99}, {"seconds": None}, {"metrics_bytes": "a"}])
def test_the_checkpoint_before_is_used_and_the_bits_are_the_same(tmp_path, change):
    path = tmp_path / "run"
    run_tiny(path, tiny_config())
    newest = list_checkpoints(RunFolder(path).checkpoints)[-1]
    tamper(newest, change)
    listener = Listener()
    run_tiny(path, progress=listener)
    (message,) = [text for text in listener.messages if "damaged" in text]
    assert message.startswith(f"{newest}: damaged checkpoint: state.json: {next(iter(change))}: ")
    assert outcome(path) == whole_outcome()


def test_where_all_are_wrong_the_run_is_refused(tmp_path):
    path = tmp_path / "run"
    run_tiny(path, tiny_config())
    folder = RunFolder(path)
    for checkpoint in list_checkpoints(folder.checkpoints):
        tamper(checkpoint, {"seconds": None})
    with pytest.raises(RunError, match=r"all 2 checkpoints are damaged\. Train again"):
        run_tiny(path)
    with pytest.raises(RunError, match=r"all 2 checkpoints are damaged\. Train again"):
        why_other_bits(folder, folder.config, warn=lambda text: None)


def test_one_checkpoint_is_not_called_all_of_them(tmp_path):
    path = tmp_path / "run"
    run_tiny(path, tiny_config(train__steps=3))
    (checkpoint,) = list_checkpoints(RunFolder(path).checkpoints)
    tamper(checkpoint, {"step": "x"})
    with pytest.raises(RunError, match=r"checkpoint: the only checkpoint is damaged\. Train again"):
        run_tiny(path)


def test_a_step_behind_the_end_is_refused(tmp_path):
    path = tmp_path / "run"
    run_tiny(path, tiny_config())
    newest = list_checkpoints(RunFolder(path).checkpoints)[-1]
    tamper(newest, {"step": 99})
    newest.rename(newest.with_name("step-00000099"))
    with pytest.raises(RunError, match=r"checkpoint: is at step 99 of a run of 24: damaged\. Train again"):
        run_tiny(path)
