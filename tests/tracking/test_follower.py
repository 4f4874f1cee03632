"""A tracker that is slow, fails or never answers: the run folder is read all the same, and told of once."""

import threading
import time

import pytest

from cnnlab.errors import MissingResourceError
from cnnlab.tracking import Ending, Follower, follower
from tracked_lines import line


class Recorder:
    """Keeps what it is shown, and fails when it is told to."""

    name, option = "Recorder", "--record"

    def __init__(self):
        self.lines, self.begun, self.ending, self.is_closed = [], 0, None, False
        self.failure, self.is_stuck = None, threading.Event()

    def check(self):
        pass

    def begin(self, folder):
        if self.failure:
            raise self.failure
        self.begun += 1
        return "Recorder: here"

    def show(self, lines):
        if self.failure:
            raise self.failure
        self.lines = list(lines)

    def finish(self, ending):
        self.ending = ending

    def close(self):
        self.is_closed = True


@pytest.fixture(autouse=True)
def hurried(monkeypatch):
    monkeypatch.setattr(follower, "LOOK_EVERY", 0.01)
    monkeypatch.setattr(follower, "TRY_AGAIN_AFTER", 0.05)


def until(condition):
    for _ in range(2000):
        if condition():
            return
        time.sleep(0.005)
    raise AssertionError("in vain")


@pytest.fixture
def recorder():
    return Recorder()


@pytest.fixture
def following(folder, recorder):
    said = []
    one = Follower(recorder, folder, say=said.append)
    one.said = said
    yield one
    one.end(Ending("failed"))
    one.wait()


def test_lines_are_shown_as_they_come_and_half_a_line_waits(folder, recorder, following):
    before = folder.read_metrics()
    following.start()
    until(lambda: recorder.lines == before)
    whole = '{"split": "val", "step": 9, "loss": 0.5}\n'
    path = folder.path / "metrics.jsonl"
    path.write_text(path.read_text() + whole[:20])
    time.sleep(0.05)
    assert recorder.lines == before
    path.write_text(path.read_text() + whole[20:])
    until(lambda: len(recorder.lines) == len(before) + 1)
    assert recorder.lines[-1]["loss"] == 0.5
    ending = Ending("finished")
    following.end(ending)
    following.wait()
    assert recorder.ending is ending and recorder.is_closed and following.said == ["Recorder: here"]


def test_a_failure_is_one_line_and_loses_nothing(folder, recorder, following):
    following.start()
    until(lambda: recorder.lines)
    recorder.failure = MissingResourceError("the server is gone.")
    folder.append_metrics(line(10, "train", 0.2))
    until(lambda: following.said[1:])
    assert following.said[1].startswith("Recorder: the server is gone. The run goes on; ")
    assert following.said[1].endswith(f"cnnlab track {folder.path} --record")
    folder.append_metrics(line(10, "val", 0.1))
    recorder.failure = None
    until(lambda: recorder.begun == 2 and recorder.lines == folder.read_metrics())
    following.end(Ending("finished"))
    following.wait()
    assert len(following.said) == 2


def test_what_nobody_has_thought_of_is_a_line_too(recorder, following):
    recorder.failure = ZeroDivisionError("division\nby zero")
    following.start()
    following.end(Ending("finished"))
    following.wait()
    (said,) = following.said
    assert said.startswith("Recorder: ZeroDivisionError: division by zero. The run goes on")
    assert recorder.is_closed


def test_the_end_does_not_wait_for_ever(folder, recorder, following, monkeypatch):
    monkeypatch.setattr(follower, "PATIENCE", 0.05)
    release = threading.Event()
    monkeypatch.setattr(recorder, "finish", lambda ending: release.wait(20))
    following.start()
    following.end(Ending("finished"))
    start = time.monotonic()
    following.wait()
    assert time.monotonic() - start < 5
    assert "has not taken everything within" in following.said[-1]
    release.set()
    until(lambda: recorder.is_closed)


def test_a_run_that_never_began(recorder, following):
    following.end(Ending("failed"))
    following.wait()
    assert recorder.is_closed and recorder.begun == 0 and not following.said
