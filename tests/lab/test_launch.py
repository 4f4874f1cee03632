import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from cnnlab.config import RunConfig
from cnnlab.errors import CheckFailedError, CnnlabError, MissingResourceError, RunError, StoppedError
from cnnlab.lab import launch as module
from cnnlab.lab.launch import launch_here, launch_process
from cnnlab.runs import RunFolder, find_runs, load_latest

VALUES = {"threads": 1, "model": {"name": "convnet_mnist"}, "data": {"name": "digits"}, "train": {"steps": 2}}
CONFIG = RunConfig.from_dict(VALUES, source="test")


@pytest.fixture
def pretend(tmp_path, monkeypatch):
    """Return a function that puts a script in Python's place."""

    def put(script):
        path = tmp_path / "python"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        monkeypatch.setattr(module.sys, "executable", str(path))

    return put


@pytest.mark.parametrize("name", ["", 'my/"net" ü 🦊 \\'])
def test_a_real_process_trains_and_its_run_is_found_again(tmp_path, monkeypatch, name):
    out = tmp_path / "runs"
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secrets.py").write_text("raise SystemExit(9)")  # numpy imports secrets: Python's, not this
    folder = RunFolder.open(launch_process(CONFIG.with_changes({"recipe": name}), out, None))
    assert folder.config.recipe == name
    assert folder.evaluation is not None
    assert folder.cost["peak_memory_bytes"] > 1e6
    found = find_runs(out, CONFIG)
    assert [(run.path, run.state) for run in found] == [(folder.path, "evaluated")]


def test_a_process_ends_with_who_started_it_even_if_that_is_killed(tmp_path):
    config = tmp_path / "long.toml"
    config.write_text(CONFIG.with_changes({"train.steps": 1_000_000, "train.log_every": 1}).to_toml())
    code = (
        "import sys; from pathlib import Path; from cnnlab.config import RunConfig;"
        "from cnnlab.lab.launch import launch_process;"
        "launch_process(RunConfig.from_file(sys.argv[1]), Path(sys.argv[2]), None)"
    )
    command = [sys.executable, "-c", code, str(config), str(tmp_path / "runs")]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            metrics = wait_for(lambda: next(tmp_path.glob("runs/*/metrics.jsonl"), None))
            wait_for(lambda: metrics.stat().st_size)
        finally:
            process.kill()
    folder = RunFolder.open(metrics.parent)
    wait_for(lambda: is_free(folder))
    # none was due by its schedule
    assert load_latest(folder.path / "checkpoint", warn=pytest.fail) is not None


def wait_for(ask, seconds=60.0):
    end = time.monotonic() + seconds
    while not (answer := ask()):
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.05)
    return answer


def is_free(folder):
    try:
        with folder.locked():
            return True
    except CnnlabError:
        return False


def test_here_means_in_this_process(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_run", None)
    folder = RunFolder.open(launch_here(CONFIG, tmp_path, None))
    assert folder.config == CONFIG and folder.evaluation is not None
    assert launch_here(CONFIG, tmp_path, folder.path) == folder.path

    def stop(*args, **options):
        raise StoppedError("Go on with: cnnlab resume RUN", exit_code=130)

    monkeypatch.setattr(module, "train", stop)
    with pytest.raises(
        StoppedError, match=r"^convnet_mnist, seed 0: stopped\. .*same command again"
    ) as error:
        launch_here(CONFIG, tmp_path, None)
    assert error.value.exit_code == 130


def test_training_is_given_the_whole_config(tmp_path, pretend):
    pretend(
        f'shift 3; printf "%s\\n" "$@" > {tmp_path}/arguments; cp "$2" {tmp_path}/config; echo {tmp_path}/run'
    )
    assert launch_process(CONFIG, tmp_path / "runs", None) == tmp_path / "run"
    verb, file, *rest = (tmp_path / "arguments").read_text().splitlines()
    assert (verb, Path(file).name) == ("train", "config.toml")
    assert rest == ["--set", 'recipe=""', "--out", str(tmp_path / "runs")]
    assert RunConfig.from_toml((tmp_path / "config").read_text(), source="test") == CONFIG
    assert not Path(file).exists()


def test_an_unfinished_run_is_resumed(tmp_path, pretend):
    pretend('shift 3; echo "$@"')
    assert launch_process(CONFIG, tmp_path, tmp_path / "old run") == Path(f"resume {tmp_path}/old run")


@pytest.mark.parametrize(
    ("script", "kind", "exit_code", "message"),
    [
        ("exit 130", StoppedError, 130, "stopped"),
        ("exit 0", StoppedError, 0, "stopped"),
        ("exit 1", CheckFailedError, 1, "exit code 1"),
        ("exit 2", RunError, 2, "exit code 2"),
        ("exit 3", MissingResourceError, 3, "exit code 3"),
        ("exit 70", RunError, 2, "exit code 70"),  # a fault of our own is no check that fell short
        ("exit 99", RunError, 2, "exit code 99"),
        ("kill -9 $$", RunError, 2, "killed by signal 9; out of memory?"),
        ("kill -11 $$", RunError, 2, "killed by signal 11. "),
        ("kill -15 $$", StoppedError, 0, "stopped"),  # before it could save, or before we heard of it
        ("kill -2 $$", StoppedError, 130, "stopped"),
    ],
)
def test_how_it_ends_is_one_clear_line(tmp_path, pretend, script, kind, exit_code, message):
    pretend(script)
    with pytest.raises(CnnlabError) as error:
        launch_process(CONFIG, tmp_path, None)
    assert type(error.value) is kind and error.value.exit_code == exit_code
    text = str(error.value)
    assert text.startswith("convnet_mnist, seed 0: ") and message in text and "\n" not in text
    assert "give the same command again" in text or "the reason is given above" in text


@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_a_signal_is_passed_on_and_waited_for(tmp_path, pretend, number, exit_code):
    # The process saves for a while after the signal, as training does.
    saving = f"kill $!; sleep 0.3; touch {tmp_path}/saved; exit 0"
    pretend(f"trap '{saving}' TERM\nsleep 60 > /dev/null & touch {tmp_path}/ready\nwait")
    handlers = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]

    def send():
        while not (tmp_path / "ready").exists():
            time.sleep(0.01)
        os.kill(os.getpid(), number)

    sender = threading.Thread(target=send)
    sender.start()
    with pytest.raises(StoppedError) as error:
        launch_process(CONFIG, tmp_path, None)
    sender.join()
    assert error.value.exit_code == exit_code
    assert (tmp_path / "saved").exists()
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == handlers


def test_a_signal_before_the_process_runs_stops_it(tmp_path, pretend, monkeypatch):
    pretend("exec sleep 60")
    start = module.subprocess.Popen

    def start_late(*args, **kwargs):
        os.kill(os.getpid(), signal.SIGINT)
        return start(*args, **kwargs)

    monkeypatch.setattr(module.subprocess, "Popen", start_late)
    with pytest.raises(StoppedError) as error:
        launch_process(CONFIG, tmp_path, None)
    assert error.value.exit_code == 130


def test_a_thread_can_launch_too(tmp_path, pretend):
    pretend(f"echo {tmp_path}/run")
    found = []
    thread = threading.Thread(target=lambda: found.append(launch_process(CONFIG, tmp_path, None)))
    thread.start()
    thread.join()
    assert found == [tmp_path / "run"]
