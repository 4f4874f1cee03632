"""Killed at any instant, a run resumes to the same bits (kill -9, in processes of their own)."""

import random
import time
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
import torch

from cnnlab.config import RunConfig
from cnnlab.runs import RunFolder
from disk_faults import count, die_at, watched_disk
from own_process import context, start
from tiny_training import outcome, prepare, run_tiny, tiny_config

# Saved after every step, so that many kills hit a save.
CONFIG = tiny_config(train__checkpoint_seconds=1e-9)


def sit(path: Path, config: RunConfig, started: Connection | None, call: int | None) -> None:
    """One sitting, in a process of its own; with `call`, it dies at this call to the disk."""
    torch.set_num_threads(1)
    if started is not None:
        started.send(None)
    with watched_disk(sluggish if call is None else die_at(call)):
        run_tiny(path, config)


def sluggish(number: int, name: str) -> None:
    """Make a save take about as long as a step, whatever the disk, so that many kills hit one."""
    time.sleep(0.001)


def kill_after(path: Path, config: RunConfig, seconds: float) -> bool:
    """Go on with the run, and kill it so long after it has begun; return whether it was still at work."""
    receiver, sender = context().Pipe(duplex=False)
    process = start(sit, path, config, sender, None)
    receiver.recv()
    time.sleep(seconds)
    process.kill()
    process.join()
    assert process.exitcode in (0, -9), process.exitcode
    return process.exitcode == -9


def is_inside_a_save(path: Path) -> bool:
    return any(path.rglob("*.tmp"))


def whole_run(path: Path, config: RunConfig) -> float:
    """Train without a break, in a process of its own; return the seconds it took."""
    receiver, sender = context().Pipe(duplex=False)
    process = start(sit, path, config, sender, None)
    receiver.recv()
    begin = time.perf_counter()
    process.join()
    assert process.exitcode == 0
    return time.perf_counter() - begin


def check_killed_at_random(tmp_path: Path, config: RunConfig, num_kills: int, seed: int) -> int:
    """Kill runs until enough kills have hit; compare each run's end. Return the kills inside a save."""
    seconds = whole_run(tmp_path / "whole", config)
    expected = outcome(tmp_path / "whole")
    generator = random.Random(seed)
    kills = inside = number = 0
    while kills < num_kills:
        path = tmp_path / f"run-{number}"
        prepare(path, config)
        number += 1
        while kills < num_kills and kill_after(path, config, generator.uniform(0, seconds / 2)):
            kills += 1
            inside += is_inside_a_save(path)
        run_tiny(path, config)
        assert outcome(path) == expected, f"after {kills} kills"
        assert not is_inside_a_save(path)
    return inside


def check_killed_at_call(tmp_path: Path, config: RunConfig, call: int, expected: object) -> None:
    """Die at one call to the disk, then at the same number of calls again, then go on to the end."""
    path = tmp_path / f"call-{call}"
    prepare(path, config)
    for _ in range(2):
        process = start(sit, path, config, None, call)
        process.join()
        assert process.exitcode in (0, -9)
    run_tiny(path, config)
    assert outcome(path) == expected, call


def calls_of_a_run(tmp_path: Path, config: RunConfig) -> list[str]:
    prepare(tmp_path / "counted", config)
    with watched_disk(count) as calls:
        run_tiny(tmp_path / "counted", config)
    return calls


def test_killed_at_three_random_instants(tmp_path):
    check_killed_at_random(tmp_path, CONFIG, 3, seed=0)


def test_killed_inside_a_save(tmp_path):
    config = tiny_config(train__steps=9, train__val_every=3)
    calls = calls_of_a_run(tmp_path, config)
    expected = outcome(tmp_path / "counted")
    renames = [number for number, name in enumerate(calls) if name == "rename"]
    assert len(renames) == 3
    # in the second save: while the tensors are written, before the rename, right after it
    first = [number for number in range(renames[0], renames[1]) if calls[number] == "write"][-3]
    for call in (first, renames[1], renames[1] + 1):
        check_killed_at_call(tmp_path, config, call, expected)


def test_killed_while_the_last_files_are_written(tmp_path):
    config = tiny_config(train__steps=9, train__val_every=3)
    calls = calls_of_a_run(tmp_path, config)
    expected = outcome(tmp_path / "counted")
    last = [number for number, name in enumerate(calls) if name == "replace"][-2:]  # the costs, the weights
    for call in last:
        check_killed_at_call(tmp_path, config, call, expected)


@pytest.mark.slow
def test_killed_at_two_hundred_random_instants(tmp_path):
    inside = check_killed_at_random(tmp_path, CONFIG, 200, seed=1)
    assert inside >= 50


@pytest.mark.slow
def test_killed_at_twenty_random_instants_of_longer_runs(tmp_path):
    """Saves are rare here: most kills lose steps."""
    config = tiny_config(train__steps=300, train__val_every=40)
    check_killed_at_random(tmp_path, config, 20, seed=2)


@pytest.mark.slow
def test_killed_at_every_call_to_the_disk(tmp_path):
    config = tiny_config(train__steps=9, train__val_every=3, train__log_every=2)
    calls = calls_of_a_run(tmp_path, config)
    expected = outcome(tmp_path / "counted")
    assert len(calls) > 60
    for call in range(len(calls)):
        check_killed_at_call(tmp_path, config, call, expected)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sgd", "adam", "adadelta", "rmsprop"])
def test_killed_with_every_optimizer(tmp_path, name):
    config = CONFIG.with_changes({"optim.name": name, "optim.lr": 0.01})
    check_killed_at_random(tmp_path, config, 10, seed=3)
    assert RunFolder(tmp_path / "whole").config.optim.name == name
