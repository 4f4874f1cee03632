"""Runs shown while they go on and afterwards; whatever a tracker does, the run's bits are the same."""

import hashlib
import shutil

import pytest
import torch

import cnnlab
from cnnlab import lab
from cnnlab.errors import ConfigError, MissingResourceError, RunError, StoppedError
from cnnlab.runs import RunFolder
from cnnlab.tracking import EventFiles, follower
from cnnlab.training import SilentProgress
from small_mlflow import small_mlflow

accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
CHANGES = {"train.log_every": 2, "train.val_every": 4}
TINY = {"data": "digits", "steps": 8, "threads": 1, "changes": CHANGES}


class Listening(SilentProgress):
    """Keeps what is said, and asks to stop after a step."""

    def __init__(self, stop_after=None):
        self.said, self._stop_after = [], stop_after

    def message(self, text):
        self.said.append(text)

    def step(self, step, **figures):
        if step == self._stop_after:
            import signal

            signal.raise_signal(signal.SIGINT)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    threads = torch.get_num_threads()
    monkeypatch.setattr(follower, "LOOK_EVERY", 0.02)
    monkeypatch.delenv("MLFLOW_EXPERIMENT_NAME", raising=False)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A run that is shown nowhere."""
    return cnnlab.train(
        "convnet_mnist", out=tmp_path_factory.mktemp("plain"), progress=SilentProgress(), **TINY
    )


@pytest.fixture
def server():
    with small_mlflow() as server:
        yield server


def sha256(run):
    return hashlib.sha256((run / "model.safetensors").read_bytes()).hexdigest()


def losses(run, split):
    return [(line["step"], line["loss"]) for line in RunFolder(run).read_metrics() if line["split"] == split]


def in_tensorboard(run, tag):
    reader = accumulator.EventAccumulator(str(run), size_guidance={"scalars": 0}).Reload()
    return [(event.step, pytest.approx(event.value, rel=1e-6)) for event in reader.Scalars(tag)]


def test_with_and_without_the_bits_are_the_same_also_after_going_back(tmp_path, server, plain):
    progress, where = Listening(stop_after=7), {"tensorboard": True, "mlflow": server.uri}
    with pytest.raises(StoppedError):
        cnnlab.train("convnet_mnist", out=tmp_path / "shown", progress=progress, **where, **TINY)
    (run,) = (tmp_path / "shown").iterdir()
    assert {said.partition(":")[0] for said in progress.said} == {"TensorBoard", "MLflow"}
    assert server.runs["run0"]["info"]["status"] == "KILLED"
    shutil.rmtree(run / "checkpoint" / "step-00000007")  # what came after step 4 is done again
    cnnlab.resume(run, progress=Listening(), **where)

    assert sha256(run) == sha256(plain)
    for split in ("train", "val"):
        assert losses(run, split) == losses(plain, split)
        assert server.history("run0", f"loss/{split}") == losses(run, split)
        assert in_tensorboard(run, f"loss/{split}") == losses(run, split)
    scores = cnnlab.evaluate(run)
    assert server.history("run0", "top1/test") == [(8, scores["top1"])]
    assert server.runs["run0"]["info"]["status"] == "FINISHED"
    files = set(server.runs["run0"]["files"])
    assert files >= {"config.toml", "metrics.jsonl", "eval.json", "curves.png", "confusion_matrix.png"}
    assert files >= {"first_filters.png"} and not {name for name in files if "safetensors" in name}
    assert list(server.runs) == ["run0"]


def test_a_tracker_that_fails_changes_nothing(tmp_path, server, plain, monkeypatch):
    def fail(self, folder):
        server.refusal = 503
        raise ZeroDivisionError("a fault")

    monkeypatch.setattr(EventFiles, "begin", fail)
    progress = Listening()
    options = {"tensorboard": True, "mlflow": server.uri, "progress": progress}
    run = cnnlab.train("convnet_mnist", out=tmp_path / "shown", **options, **TINY)
    assert sha256(run) == sha256(plain)
    assert RunFolder(run).evaluation
    told = [said for said in progress.said if "The run goes on" in said]
    assert len([said for said in told if said.startswith("TensorBoard: ZeroDivisionError: a fault.")]) == 1
    assert len([said for said in told if said.startswith("MLflow: ")]) == 1
    assert len(told) == 2

    server.refusal = 0
    shown = lab.track(run, mlflow=server.uri)
    assert shown["MLflow"].startswith(f"{server.uri}/#/experiments/")
    (run_id,) = server.runs
    assert server.history(run_id, "loss/val") == losses(run, "val")


def test_what_cannot_work_is_found_before_anything_is_trained(tmp_path, monkeypatch):
    options = {"out": tmp_path, "progress": SilentProgress(), **TINY}
    with pytest.raises(MissingResourceError, match="cannot be reached"):
        cnnlab.train("convnet_mnist", mlflow="http://127.0.0.1:9", **options)
    with pytest.raises(ConfigError, match="--mlflow: must be the address"):
        cnnlab.train("convnet_mnist", mlflow="127.0.0.1", **options)
    monkeypatch.setitem(__import__("sys").modules, "torch.utils.tensorboard.summary", None)
    with pytest.raises(MissingResourceError, match="needs tensorboard"):
        cnnlab.train("convnet_mnist", tensorboard=True, **options)
    assert not list(tmp_path.iterdir())


def test_a_run_that_is_there_and_its_report(run, server, tmp_path):
    (tmp_path / "report").mkdir()
    with pytest.raises(RunError, match=r"^--report: must be a folder that `cnnlab report` has written into"):
        lab.track(run.path, mlflow=server.uri, report=tmp_path / "report")
    (tmp_path / "report" / "report.zh.html").write_text("报告", encoding="utf-8")
    lab.track(run.path, tensorboard=True, mlflow=server.uri, report=tmp_path / "report")
    assert server.runs["run0"]["files"]["report/report.zh.html"].decode() == "报告"
    assert "confusion_matrix.png" not in server.runs["run0"]["files"]  # it is not evaluated
    assert in_tensorboard(run.path, "loss/train") == losses(run.path, "train")
    with pytest.raises(ConfigError, match="say where to show the run"):
        lab.track(run.path)
    with run.locked(), pytest.raises(RunError, match="another process is writing this run"):
        lab.track(run.path, tensorboard=True)


def test_a_finished_run_is_shown_where_it_is_resumed(run, server):
    cnnlab.evaluate(run.path)
    progress = Listening()
    cnnlab.resume(run.path, mlflow=server.uri, progress=progress)
    assert "nothing to do" in progress.said[0]
    assert server.history("run0", "top1/test") == [(60, run.evaluation["top1"])]
