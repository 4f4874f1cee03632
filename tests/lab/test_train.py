"""`train` and `resume` end to end, on a few digits."""

import json

import pytest
import torch

import cnnlab
from cnnlab.errors import ConfigError, GeometryError, RunError, StoppedError
from cnnlab.runs import TIMING_FIELDS, RunFolder
from cnnlab.training import SilentProgress

TINY = {"data": "digits", "steps": 10, "threads": 1, "changes": {"train.log_every": 2, "train.val_every": 5}}


@pytest.fixture(autouse=True)
def same_threads():
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


class StopAfter(SilentProgress):
    """Raises Ctrl-C's signal in the middle of a run."""

    def __init__(self, step):
        self._step = step

    def step(self, step, **figures):
        if step == self._step:
            import signal

            signal.raise_signal(signal.SIGINT)


def weights(run):
    return (run / "model.safetensors").read_bytes()


def metrics(run):
    lines = RunFolder(run).read_metrics()
    return [{key: value for key, value in line.items() if key not in TIMING_FIELDS} for line in lines]


def test_train_returns_an_evaluated_run(tmp_path):
    run = cnnlab.train("convnet_mnist", out=tmp_path, progress=SilentProgress(), **TINY)
    evaluation = json.loads((run / "eval.json").read_text())
    assert evaluation["num_images"] == 360
    assert cnnlab.evaluate(run) == evaluation
    assert (run / "curves.png").stat().st_size > 10_000
    assert (run / "predictions.png").stat().st_size > 10_000


def test_train_without_test_never_reads_the_test_images(tmp_path, monkeypatch):
    from cnnlab.data import load

    parts = []
    real = load.read_part
    monkeypatch.setattr(
        load, "read_part", lambda name, part, *rest: parts.append(part) or real(name, part, *rest)
    )
    run = cnnlab.train("convnet_mnist", out=tmp_path, progress=SilentProgress(), test=False, **TINY)
    assert parts == ["train"]
    assert not (run / "eval.json").exists()
    assert [path.name for path in run.glob("*.png")] == ["curves.png"]


def test_stopped_and_resumed_is_the_same_run(tmp_path):
    whole = cnnlab.train("alexnet_mnist3", out=tmp_path / "whole", progress=SilentProgress(), **TINY)
    with pytest.raises(StoppedError, match="cnnlab resume") as stopped:
        cnnlab.train("alexnet_mnist3", out=tmp_path / "part", progress=StopAfter(3), **TINY)
    assert stopped.value.exit_code == 130
    (part,) = (tmp_path / "part").iterdir()
    assert not (part / "model.safetensors").exists()
    assert cnnlab.resume(part, progress=SilentProgress()) == part
    assert weights(part) == weights(whole)
    assert metrics(part) == metrics(whole)


def test_resume_evaluates_a_run_that_was_trained_without(tmp_path):
    run = cnnlab.train("convnet_mnist", out=tmp_path, progress=SilentProgress(), test=False, **TINY)
    before = weights(run)
    cnnlab.resume(run, progress=SilentProgress())
    assert (run / "eval.json").exists() and weights(run) == before


def test_resume_with_other_threads_is_refused(tmp_path):
    with pytest.raises(StoppedError):
        cnnlab.train("convnet_mnist", out=tmp_path, progress=StopAfter(3), **TINY)
    (run,) = tmp_path.iterdir()
    with pytest.raises(RunError, match="threads was 1, here 2"):
        cnnlab.resume(run, progress=SilentProgress(), threads=2)
    cnnlab.resume(run, progress=SilentProgress(), threads=2, inexact=True)
    assert (run / "eval.json").exists()


def test_what_cannot_be_built_leaves_no_folder(tmp_path):
    with pytest.raises(GeometryError, match=r"conv2.*--set data.image_size=28"):
        cnnlab.train("lenet5", data="digits", out=tmp_path, progress=SilentProgress())
    with pytest.raises(ConfigError, match="dropuot"):
        cnnlab.train("convnet_mnist", data="digits", out=tmp_path, changes={"model.args": {"dropuot": 0.5}})
    assert not list(tmp_path.iterdir())


def test_enlarged_digits_fit_lenet(tmp_path):
    changes = {**TINY["changes"], "data.image_size": 28}
    run = cnnlab.train("lenet5", out=tmp_path, progress=SilentProgress(), **{**TINY, "changes": changes})
    assert cnnlab.load_run(run).image_size == 28


def test_train_takes_a_complete_config(tmp_path):
    config = cnnlab.RunConfig.from_dict(
        {"model": {"name": "convnet_mnist"}, "data": {"name": "digits"}, "train": {"steps": 2}, "threads": 1},
        source="test",
    )
    run = cnnlab.train(config, out=tmp_path, progress=SilentProgress(), test=False)
    assert RunFolder(run).config == config
