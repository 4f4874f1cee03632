"""A real MLflow server with its SQLite store: what it gives back is what the run folder holds."""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest
import requests
import torch

import cnnlab
from cnnlab import lab
from cnnlab.errors import StoppedError
from cnnlab.runs import RunFolder
from cnnlab.tracking.mlflow_run import IDS_FILE
from cnnlab.training import SilentProgress

pytestmark = [pytest.mark.mlflow, pytest.mark.timeout(900)]
ROOT = Path(__file__).parents[2]
VARIABLE = "CNNLAB_MLFLOW_PYTHON"
SECONDS_TO_START = 300  # it makes its tables first, on a machine that may have other work
TINY = {"data": "digits", "threads": 1, "changes": {"train.log_every": 2, "train.val_every": 4}}


class Server:
    """A server that can be ended and started again; what it holds stays."""

    def __init__(self, python: Path, place: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.uri = f"http://127.0.0.1:{self.port}"
        self._log = place / "log"
        store, files = f"sqlite:///{place / 'mlflow.db'}", str(place / "artifacts")
        # Should this process be killed, the server ends by itself
        limit = [path, "--kill-after=20", "1800"] if (path := shutil.which("timeout")) else []
        self._command = [*limit, str(python), "-m", "mlflow", "server", "--host", "127.0.0.1"]
        self._command += ["--port", str(self.port)]
        self._command += ["--workers", "1", "--backend-store-uri", store, "--artifacts-destination", files]

    def start(self) -> None:
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        environment["MLFLOW_DISABLE_TELEMETRY"] = "true"
        environment["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"  # seven processes that nothing here needs
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdout=log, stderr=log, env=environment, start_new_session=True
            )
        until = time.monotonic() + SECONDS_TO_START
        while time.monotonic() < until and self._process.poll() is None:
            try:
                if requests.get(f"{self.uri}/version", timeout=5).ok:
                    return
            except requests.RequestException:
                time.sleep(0.5)
        self.stop()
        raise AssertionError(self._log.read_text())

    def stop(self) -> None:
        """End it and all that it has started."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(20)
        with suppress(ProcessLookupError):  # nobody is left of its group
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def ask(self, path: str, **params: str) -> dict:
        answer = requests.get(f"{self.uri}/api/2.0/{path}", params=params, timeout=60)
        assert answer.ok, answer.text
        return answer.json()

    def history(self, run_id: str, key: str) -> list[tuple[int, float]]:
        found = self.ask("mlflow/metrics/get-history", run_id=run_id, metric_key=key)["metrics"]
        return [(one["step"], one["value"]) for one in found]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    given = os.environ.get(VARIABLE)
    python = Path(given) if given else ROOT / ".venv-mlflow" / "bin" / "python"
    if not python.exists():
        pytest.skip(
            f"needs MLflow at {python}: run `make test-mlflow`, or set {VARIABLE} to a Python that has it"
        )
    server = Server(python, tmp_path_factory.mktemp("mlflow"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def as_before(monkeypatch):
    threads = torch.get_num_threads()
    monkeypatch.delenv("MLFLOW_EXPERIMENT_NAME", raising=False)
    yield
    torch.set_num_threads(threads)


class Listening(SilentProgress):
    def __init__(self, at=None, do=None):
        self.said, self._at, self._do = [], at, do

    def message(self, text):
        self.said.append(text)

    def step(self, step, **figures):
        if step == self._at:
            self._do()


def id_of(run):
    (run_id,) = json.loads((run / IDS_FILE).read_text()).values()
    return run_id


def assert_equal_to_the_folder(server, run, *, but_times=False):
    """Every field of every line of metrics.jsonl, once, with all its bits."""
    lines, run_id = RunFolder(run).read_metrics(), id_of(run)
    for split in ("train", "val"):
        own = [line for line in lines if line["split"] == split]
        for field in own[0].keys() - {"split", "step"}:
            if but_times and field in ("seconds", "images_per_s"):
                continue
            expected = [(line["step"], float(line[field])) for line in own]
            assert server.history(run_id, f"{field}/{split}") == expected, (field, split)


def test_a_whole_run(server, tmp_path):
    progress = Listening()
    run = cnnlab.train("convnet_mnist", steps=20, out=tmp_path, mlflow=server.uri, progress=progress, **TINY)
    assert f"MLflow: {server.uri}/#/experiments/1/runs/{id_of(run)}" in progress.said
    assert not [said for said in progress.said if "The run goes on" in said]
    assert_equal_to_the_folder(server, run)
    for _ in range(2):  # a second time adds nothing
        kept = server.ask("mlflow/runs/get", run_id=id_of(run))["run"]
        scores = cnnlab.evaluate(run)
        for name in ("top1", "top5", "loss", "ece"):
            assert server.history(id_of(run), f"{name}/test") == [(20, scores[name])]
        assert kept["info"]["status"] == "FINISHED" and kept["info"]["run_name"] == run.name
        tags = {one["key"]: one["value"] for one in kept["data"]["tags"]}
        assert tags.items() >= {"network": "convnet_mnist", "data": "digits", "seed": "0"}.items()
        assert tags.get("commit", "") == RunFolder(run).environment["commit"]
        params = {one["key"]: one["value"] for one in kept["data"]["params"]}
        assert params["optim.lr"] == str(RunFolder(run).config.optim.lr) and params["train.steps"] == "20"
        lab.track(run, mlflow=server.uri)
    root = f"mlflow-artifacts/artifacts/1/{id_of(run)}/artifacts"
    for name in ("config.toml", "metrics.jsonl", "eval.json", "curves.png"):
        kept_file = requests.get(f"{server.uri}/api/2.0/{root}/{name}", timeout=60)
        assert kept_file.content == (run / name).read_bytes(), name
    listed = {one["path"] for one in server.ask("mlflow/artifacts/list", run_id=id_of(run))["files"]}
    assert listed >= {"confusion_matrix.png", "first_filters.png", "environment.json", "cost.json"}


def test_a_run_that_goes_back_to_a_checkpoint(server, tmp_path):
    stop = Listening(11, lambda: signal.raise_signal(signal.SIGINT))
    with pytest.raises(StoppedError):
        cnnlab.train("convnet_mnist", steps=16, out=tmp_path, mlflow=server.uri, progress=stop, **TINY)
    (run,) = tmp_path.iterdir()
    assert server.ask("mlflow/runs/get", run_id=id_of(run))["run"]["info"]["status"] == "KILLED"
    newest = run / "checkpoint" / "step-00000011"
    for path in newest.iterdir():
        path.unlink()
    newest.rmdir()  # step 10 has been logged, and is done again
    cnnlab.resume(run, mlflow=server.uri, progress=SilentProgress())
    assert_equal_to_the_folder(server, run, but_times=True)


def test_a_server_that_is_gone_and_comes_back(server, tmp_path):
    gone = Listening(6, server.stop)
    run = cnnlab.train("convnet_mnist", steps=16, out=tmp_path, mlflow=server.uri, progress=gone, **TINY)
    (told,) = [said for said in gone.said if "The run goes on" in said]
    assert told.startswith(f"MLflow: MLflow at {server.uri}: ") and RunFolder(run).evaluation
    server.start()
    lab.track(run, mlflow=server.uri)
    assert_equal_to_the_folder(server, run)
