"""Several runs at once: who waits for whom, what a failure does, and whose line is whose."""

import os
import re
import signal
import threading
import time

import pytest

from cnnlab import machine
from cnnlab.config import RunConfig
from cnnlab.errors import CheckFailedError, ConfigError, StoppedError
from cnnlab.lab import launch as launch_module
from cnnlab.lab import side_by_side
from cnnlab.lab.side_by_side import Task, check_jobs, finish_all, share_of_threads
from cnnlab.runs import RunFolder
from some_scores import some_evaluation

CONFIG = RunConfig.from_dict(
    {"threads": 1, "model": {"name": "convnet_mnist"}, "data": {"name": "digits"}, "train": {"steps": 2}},
    source="test",
)
LIMIT = 30.0  # seconds until a test that hangs gives up


def task(seed, chain=None):
    return Task(CONFIG.with_changes({"seed": seed}), {}, f"run {seed}", chain)


class Meeting:
    """A launch without training, which notes who begins and ends; some wait until others have begun."""

    def __init__(self, waits_for=(), fails=()):
        self.events, self.begun, self._waits_for, self._fails = [], {}, dict(waits_for), dict(fails)
        self._lock = threading.Condition()

    def __call__(self, config, out, unfinished):
        seed = config.seed
        with self._lock:
            self.events.append(f"begin {seed}")
            self._lock.notify_all()
            other = self._waits_for.get(seed)
            met = other is None or self._lock.wait_for(lambda: f"begin {other}" in self.events, LIMIT)
            assert met, f"run {seed} waits for run {other}, which does not begin"
            if seed in self._fails:
                raise self._fails[seed]
            self.events.append(f"end {seed}")
        folder = RunFolder.create(out, config)
        folder.evaluation = some_evaluation(seed / 100)
        return folder.path


@pytest.fixture(autouse=True)
def _three_cores(monkeypatch):
    monkeypatch.setattr(machine, "num_cores", lambda: 3)


def test_as_many_at_once_as_asked_for_and_answers_in_order(tmp_path):
    launch = Meeting(waits_for={0: 1, 1: 0})  # neither can end alone
    done = []
    folders = finish_all(
        [task(seed) for seed in range(4)],
        tmp_path,
        jobs=2,
        launch=launch,
        say=lambda line: None,
        done=lambda index, seconds: done.append((index, seconds >= 0)),
    )
    assert [folder.config.seed for folder in folders] == [0, 1, 2, 3]
    assert set(launch.events[:2]) == {"begin 0", "begin 1"}
    assert sorted(done) == [(index, True) for index in range(4)]


def test_two_of_a_chain_are_never_at_once_and_keep_their_order(tmp_path):
    launch = Meeting(waits_for={0: 3, 3: 0})  # the next that is free is behind the rest of the chain
    tasks = [task(0, "a"), task(1, "a"), task(2, "a"), task(3, "b")]
    finish_all(tasks, tmp_path, jobs=2, launch=launch, say=lambda line: None)
    assert set(launch.events[:2]) == {"begin 0", "begin 3"}
    places = [launch.events.index(event) for event in ("end 0", "begin 1", "end 1", "begin 2")]
    assert places == sorted(places)


def test_a_failure_ends_what_runs_beside_it_and_begins_nothing(tmp_path):
    failure = CheckFailedError("run 1: diverged")
    launch = Meeting(waits_for={0: 1}, fails={1: failure})
    with pytest.raises(CheckFailedError) as error:
        finish_all([task(seed) for seed in range(4)], tmp_path, jobs=2, launch=launch, say=lambda line: None)
    assert error.value is failure
    assert sorted(launch.events) == ["begin 0", "begin 1", "end 0"]


def test_lines_of_runs_side_by_side_carry_their_number(tmp_path):
    said = []
    folders = finish_all([task(0), task(1)], tmp_path, jobs=2, say=said.append, seconds_left=lambda: ", soon")
    assert all(folder.evaluation for folder in folders)
    assert [folder.environment["runs_at_once"] for folder in folders] == [2, 2]
    assert sorted(line for line in said if "is trained" in line) == [
        "[1/2, soon] run 0: is trained",
        "[2/2, soon] run 1: is trained",
    ]
    for number in (1, 2):
        mine = [line for line in said if line.startswith(f"[{number}/2] ")]
        assert any("convnet_mnist on digits, seed" in line for line in mine)
    assert all(re.match(r"\[[12]/2", line) for line in said)


def test_a_run_that_is_left_alone_says_so(tmp_path):
    (first,) = finish_all([task(0)], tmp_path, say=lambda line: None)
    folders = finish_all([task(0), task(1)], tmp_path, jobs=2, say=lambda line: None)
    assert folders[0].path == first.path
    assert [folder.environment["runs_at_once"] for folder in folders] == [1, 1]


@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_a_signal_reaches_all_that_run(tmp_path, monkeypatch, number, exit_code):
    script = tmp_path / "python"
    saving = f"kill $!; touch {tmp_path}/saved-$$; exit 0"
    script.write_text(
        f"#!/bin/sh\ntrap '{saving}' TERM\nsleep 60 > /dev/null 2>&1 & touch {tmp_path}/ready-$$\nwait\n"
    )
    script.chmod(0o755)
    monkeypatch.setattr(launch_module.sys, "executable", str(script))

    def send():
        end = time.monotonic() + LIMIT
        while len(list(tmp_path.glob("ready-*"))) < 2 and time.monotonic() < end:
            time.sleep(0.01)
        os.kill(os.getpid(), number)

    sender = threading.Thread(target=send)
    sender.start()
    with pytest.raises(StoppedError) as error:
        finish_all([task(seed) for seed in range(4)], tmp_path / "runs", jobs=2, say=lambda line: None)
    sender.join()
    assert error.value.exit_code == exit_code
    assert len(list(tmp_path.glob("saved-*"))) == len(list(tmp_path.glob("ready-*"))) == 2


def test_one_at_a_time_is_in_this_thread(tmp_path, monkeypatch):
    monkeypatch.setattr(side_by_side, "ThreadPoolExecutor", None)
    threads = []

    def launch(config, out, unfinished):
        threads.append(threading.current_thread())
        return Meeting()(config, out, unfinished)

    finish_all([task(0), task(1)], tmp_path, launch=launch, say=lambda line: None)
    assert threads == [threading.main_thread()] * 2


@pytest.mark.parametrize("jobs", [0, 4, -1])
def test_wrong_numbers_of_jobs(jobs):
    message = f"^--jobs: must be 1 to 3, the cores that this process may use. Received: {jobs}.$"
    with pytest.raises(ConfigError, match=message):
        check_jobs(jobs)


def test_one_core_may_be_one_of_many(monkeypatch):
    monkeypatch.setattr(machine, "num_cores", lambda: 1)
    with pytest.raises(
        ConfigError, match=r"^--jobs: must be 1: this process may use one core\. Received: 2\.$"
    ):
        check_jobs(2)


def test_the_threads_of_each_run():
    assert share_of_threads(1, None) is None  # left to the run
    assert share_of_threads(2, None) == 1
    assert share_of_threads(3, None) == 1
    assert share_of_threads(3, 2) == 2


def test_runs_with_other_threads_are_named(tmp_path):
    finish_all([task(0), task(1)], tmp_path, launch=Meeting(), say=lambda line: None)
    other = Task(CONFIG.with_changes({"seed": 1, "threads": 2}), {}, "run 1")
    said = []
    finish_all([other], tmp_path, launch=Meeting(), say=said.append)
    assert said[0] == f"{tmp_path}: 1 finished run with threads = 1, so with other last bits: not used."
