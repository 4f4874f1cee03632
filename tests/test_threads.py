"""Threads wait awake where cores are free, and asleep where they are not; users can decide themselves."""

import os
import subprocess
import sys

import pytest

from cnnlab import threads
from cnnlab.threads import FIRST_PATIENCE, MOST_PATIENCE, Watch

FREE, WANTED = 0.01, 0.7


def looks(watch, delay, *, start, seconds):
    """Look ten times a second; return the last time and how often threads were asleep."""
    times = [start + step / 10 for step in range(1, round(10 * seconds) + 1)]
    return times[-1], sum(watch.look(delay, now) for now in times)


def test_threads_sleep_at_once_where_a_core_is_wanted_and_wake_after_a_while():
    watch = Watch()
    now, asleep = looks(watch, FREE, start=0.0, seconds=5)
    assert not asleep
    assert watch.look(WANTED, now + 0.1)
    now, asleep = looks(watch, FREE, start=now + 0.1, seconds=3)
    assert asleep == pytest.approx(10 * FIRST_PATIENCE, abs=1) and not watch.is_calm


def test_patience_grows_while_waking_up_does_not_last():
    watch, now, asleep = Watch(), 0.0, []
    for _ in range(9):
        watch.look(WANTED, now + 0.1)
        start = now = now + 0.1
        while watch.is_calm:
            now += 0.1
            watch.look(FREE, now)
        asleep.append(now - start)
    assert asleep[1] == pytest.approx(2 * asleep[0], abs=0.3)
    assert asleep[-1] == pytest.approx(MOST_PATIENCE, abs=0.3)
    now, _ = looks(watch, FREE, start=now, seconds=2 * MOST_PATIENCE)
    watch.look(WANTED, now + 0.1)
    _, again = looks(watch, FREE, start=now + 0.1, seconds=5)
    assert again == pytest.approx(10 * FIRST_PATIENCE, abs=1)


COUNT = """
import time
import torch
from cnnlab.threads import Sleepers
torch.set_num_threads(2)
sleepers = Sleepers()
def seconds():
    a = torch.ones(512, 512)
    start = time.process_time()
    for _ in range(50):
        a + a
        time.sleep(0.005)
    return time.process_time() - start
seconds()
for _ in range(2):
    awake = seconds()
    sleepers.come(); time.sleep(0.1)
    asleep = seconds()
    sleepers.go()
    print(awake, asleep)
"""


def run(code, **environment):
    clean = {name: value for name, value in os.environ.items() if name not in threads.SETTINGS}
    ended = subprocess.run(
        [sys.executable, "-c", code], env=clean | environment, capture_output=True, text=True, timeout=120
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.split()


def needs_openmp():
    try:
        threads.seconds_delayed()
        import torch  # noqa: F401

        threads.Sleepers()
    except OSError as error:
        pytest.skip(f"threads cannot be seen or changed on this system: {error}")
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("this process may use one core alone: nobody waits awake there")


def test_where_threads_are_refused_nobody_sleeps_and_nothing_ends(monkeypatch):
    needs_openmp()
    import threading

    started, start = [], threading.Thread.start

    def refuse(thread):
        if len(started) >= 2:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    sleepers = threads.Sleepers()
    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(RuntimeError, match="new thread"):
        sleepers.come()
    assert not sleepers.are_there and not any(thread.is_alive() for thread in started)
    sleepers.go()


def test_the_watch_ends_quietly_where_it_cannot_see(monkeypatch):
    class Asleep:
        are_there = True

        def come(self):
            raise AssertionError

        def go(self):
            self.are_there = False

    def blind():
        raise OSError("too many open files")

    monkeypatch.setattr(threads, "seconds_delayed", blind)
    asleep = Asleep()
    threads._go_on(asleep, 0.0)
    assert not asleep.are_there


def test_sleepers_keep_the_others_from_waiting_awake():
    needs_openmp()
    numbers = [float(word) for word in run(COUNT)]
    for awake, asleep in zip(numbers[::2], numbers[1::2], strict=True):
        assert asleep < awake / 2, numbers


@pytest.mark.parametrize(
    ("count", "environment", "is_watched"),
    [(2, {}, True), (1, {}, False), (2, {"OMP_WAIT_POLICY": "PASSIVE"}, False)],
)
def test_watched_where_threads_wait_and_users_have_not_decided(count, environment, is_watched):
    needs_openmp()
    code = f"""
import threading
from cnnlab.threads import set_threads
set_threads({count}); set_threads({count})
print([thread.name for thread in threading.enumerate()].count("cnnlab-watch"))
"""
    assert run(code, **environment) == [str(int(is_watched))]


def test_the_time_that_threads_wait_for_a_core_grows_when_they_must_share_it():
    needs_openmp()
    code = """
import os, threading, time
from cnnlab.threads import seconds_delayed
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
import hashlib
data = bytes(100_000_000)
before = seconds_delayed()
workers = [threading.Thread(target=hashlib.sha256, args=(data,)) for _ in range(2)]
for worker in workers: worker.start()
time.sleep(0.05)
print(seconds_delayed() > before)
for worker in workers: worker.join()
"""
    assert run(code) == ["True"]
