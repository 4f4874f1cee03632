"""`cnnlab track`, and the options of `train` and `resume` that show a run elsewhere."""

import json
import shutil

import pytest

from small_mlflow import small_mlflow

pytest.importorskip("tensorboard")


@pytest.fixture
def server(monkeypatch):
    monkeypatch.delenv("MLFLOW_EXPERIMENT_NAME", raising=False)
    with small_mlflow() as server:
        yield server


def test_a_run_that_is_there(run_cli, finished, server, tmp_path):
    run = shutil.copytree(finished, tmp_path / finished.name)
    result = run_cli("track", run, "--tensorboard", "--mlflow", server.uri, "--json")
    assert result.code == 0
    where = f"{server.uri}/#/experiments/0/runs/run0"
    shown = {"run": str(run), "TensorBoard": f"tensorboard --logdir {tmp_path}", "MLflow": where}
    assert json.loads(result.out) == [shown]
    assert list(run.glob("events.out.tfevents.*"))
    again = run_cli("track", run, "--mlflow", server.uri)
    assert (again.code, again.out) == (0, f"{run}: MLflow: {where}\n")
    resumed = run_cli("resume", run, "--mlflow", server.uri)
    assert resumed.code == 0 and list(server.runs) == ["run0"]


@pytest.mark.parametrize(
    ("options", "code", "line"),
    [
        (["--mlflow", "u:s3cret@here"], 2, "Error: --mlflow: must be the address of a server"),
        (
            ["--mlflow", "http://u:s3cret@127.0.0.1:9"],
            3,
            "Error: MLflow at http://127.0.0.1:9: cannot be reached",
        ),
    ],
)
def test_what_cannot_work_trains_nothing(run_cli, finished, tiny, tmp_path, options, code, line):
    for command in (["train", "convnet_mnist", *tiny, "--out", tmp_path / "runs"], ["track", finished]):
        result = run_cli(*command, *options)
        assert result.code == code and result.err.splitlines()[-1].startswith(line)
        assert "s3cret" not in result.err
    assert not (tmp_path / "runs").exists()


def test_nowhere_to_show_it(run_cli, finished):
    result = run_cli("track", finished)
    assert result.code == 2 and "--tensorboard, --mlflow URI, or both" in result.err
