"""What of a run folder comes to an MLflow server, and that a second time adds nothing."""

import json

import pytest

from cnnlab.errors import ConfigError, MissingResourceError, RunError
from cnnlab.tracking import Ending, MlflowRun, MlflowServer
from cnnlab.tracking.tracker import start_time
from tracked_lines import line


@pytest.fixture(autouse=True)
def no_settings_of_the_user(monkeypatch):
    for name in ("EXPERIMENT_NAME", "TRACKING_USERNAME", "TRACKING_PASSWORD", "TRACKING_TOKEN"):
        monkeypatch.delenv(f"MLFLOW_{name}", raising=False)


def show(folder, server, ending=None, lines=None):
    tracker = MlflowRun(MlflowServer(server.uri))
    try:
        where = tracker.begin(folder)
        tracker.show(folder.read_metrics() if lines is None else lines)
        if ending is not None:
            tracker.finish(ending)
    finally:
        tracker.close()
    return where


def test_a_run_with_all_that_belongs_to_it(folder, server, png, tmp_path):
    (tmp_path / "report.en.html").write_bytes(b"<p>")
    files = {"config.toml": folder.path / "config.toml", "report/report.en.html": tmp_path / "report.en.html"}
    where = show(folder, server, Ending("finished", {"confusion_matrix": png}, files))
    (run,) = server.runs.values()
    assert server.experiments == ["cnnlab"]
    assert where == f"MLflow: {server.uri}/#/experiments/0/runs/run0"
    assert run["info"]["run_name"] == folder.name and run["info"]["status"] == "FINISHED"
    assert run["info"]["end_time"] - run["info"]["start_time"] == 3500
    assert run["params"]["model.name"] == "lenet5" and run["params"]["optim.lr"]
    tags = {"network": "lenet5", "data": "mnist", "seed": "4", "commit": "0123abc+"}
    assert run["tags"].items() >= tags.items()
    assert run["tags"]["mlflow.source.git.commit"] == "0123abc"
    began = start_time(folder)
    for own in folder.read_metrics():
        for field in own.keys() - {"split", "step"}:
            time_ms = round(1000 * (began + own["seconds"]))
            assert (f"{field}/{own['split']}", own[field], time_ms, own["step"]) in run["metrics"]
    assert server.history("run0", "top1/test") == [(8, 0.625)]
    assert server.history("run0", "parameters") == [(8, 61706.0)]
    content = {name: path.read_bytes() for name, path in files.items()}
    assert run["files"] == {**content, "confusion_matrix.png": png}


def test_a_second_time_adds_nothing(folder, server):
    show(folder, server, Ending("finished"))
    before = set(server.runs["run0"]["metrics"])
    show(folder, server, Ending("finished"))
    assert list(server.runs) == ["run0"] and server.runs["run0"]["metrics"] == before


def test_steps_done_again_after_a_checkpoint_are_not_doubled(folder, server):
    lines = folder.read_metrics()
    show(folder, server)
    # The same figures at another time, as after a resume, and some that are new
    again = [{**one, "seconds": one["seconds"] + 1} if one["step"] > 4 else one for one in lines]
    show(folder, server, Ending("stopped"), lines=[*again, line(10, "train", 0.25)])
    history = [(2, 1.0), (4, 0.5), (6, 2 / 6), (8, 0.25), (10, 0.25)]
    assert server.history("run0", "loss/train") == history
    assert server.runs["run0"]["info"]["status"] == "KILLED"


def test_other_figures_for_steps_that_are_there_are_another_run(folder, server):
    lines = folder.read_metrics()
    show(folder, server)
    show(folder, server, Ending("finished"), lines=[*lines[:-1], {**lines[-1], "loss": 0.125}])
    assert server.history("run0", "loss/val") == [(4, 0.75), (8, 0.375)]
    assert server.history("run1", "loss/val") == [(4, 0.75), (8, 0.125)]
    assert server.runs["run0"]["tags"]["superseded_by"] == "run1"
    assert [run["info"]["status"] for run in server.runs.values()] == ["KILLED", "FINISHED"]
    show(folder, server, lines=[*lines[:-1], {**lines[-1], "loss": 0.125}])
    assert len(server.runs) == 2


def test_many_lines_go_in_parts(folder, server):
    lines = [line(step, "train", 1 / step) for step in range(1, 401)]
    show(folder, server, lines=lines)
    assert len(server.history("run0", "top1/train")) == 400


def test_a_run_that_the_server_does_not_have_any_more_is_made_anew(folder, server):
    show(folder, server)
    server.runs["run0"]["info"]["lifecycle_stage"] = "deleted"
    show(folder, server)
    assert len(server.history("run1", "loss/train")) == 4


def test_no_password_comes_into_the_folder_or_a_message(folder, server, monkeypatch):
    address = server.uri.removeprefix("http://")
    tracker = MlflowRun(MlflowServer(f"http://ada:s3cret%21@{address}"))
    tracker.begin(folder)
    tracker.close()
    assert json.loads((folder.path / "mlflow.json").read_text()) == {server.uri: "run0"}
    assert server.authorizations == {"Basic YWRhOnMzY3JldCE="}  # ada:s3cret!
    server.refusal = 401
    with pytest.raises(ConfigError, match=r"refuses access \(HTTP 401\)") as caught:
        MlflowServer(f"http://ada:s3cret%21@{address}").experiment_id("cnnlab")
    assert "s3cret" not in str(caught.value)
    server.refusal = 0
    server.authorizations.clear()
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "abc")
    show(folder, server)
    assert server.authorizations == {"Bearer abc"}


@pytest.mark.parametrize(
    "uri",
    ["", "localhost:5000", "u:s3cret@host", "file:///x", "http://", "http://a:b", "http://u:s3cret@h:1?x"],
)
def test_what_is_no_address(uri):
    with pytest.raises(ConfigError, match=r"^--mlflow: must be the address of a server") as caught:
        MlflowServer(uri)
    assert "s3cret" not in str(caught.value)


def test_nobody_there_and_somebody_else(server):
    tracker = MlflowRun(MlflowServer("http://u:s3cret@127.0.0.1:9"))
    with pytest.raises(MissingResourceError, match=r"MLflow at http://127\.0\.0\.1:9: cannot be reached"):
        tracker.check()
    tracker.close()
    for status, kind, text in ((404, ConfigError, "does not answer as"), (503, MissingResourceError, "503")):
        server.refusal = status
        tracker = MlflowRun(MlflowServer(server.uri))
        with pytest.raises(kind, match=text):
            tracker.check()
        tracker.close()


def test_files_that_would_go_past_the_server(server):
    mlflow = MlflowServer(server.uri)
    for place in ("s3://bucket/1", "mlflow-artifacts://elsewhere/1"):
        with pytest.raises(MissingResourceError, match="keeps files past the server"):
            mlflow.upload(place, "a", b"")


def test_a_damaged_table_of_ids_is_named(folder, server):
    for content in ("[]", "{", '{"a": 1}'):
        (folder.path / "mlflow.json").write_text(content)
        with pytest.raises(RunError, match=r"mlflow\.json: damaged"):
            show(folder, server)
