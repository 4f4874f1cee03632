"""Ctrl-C and SIGTERM, in this process and, with real signals, in processes of their own."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch

from cnnlab.errors import CnnlabError, StoppedError
from cnnlab.runs import RunFolder, load_latest
from cnnlab.training import SilentProgress
from cnnlab.training.plan import Plan
from cnnlab.training.stop import STARTED_BY_VARIABLE, StopRequest
from disk_faults import watched_disk
from own_process import start
from tiny_training import outcome, run_tiny, tiny_config, whole_outcome

# --- the request ----------------------------------------------------------------------------------------


PLAN = Plan(batch_size=1, steps_per_epoch=1, num_steps=9, val_every=1, log_every=1)


def handlers() -> list[object]:
    return [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_a_signal_is_noted_and_the_handlers_come_back(number, code):
    before = handlers()
    with StopRequest() as stop:
        assert stop.signal is None
        signal.raise_signal(number)
        assert stop.signal == number
        assert stop.error(3, PLAN, RunFolder(Path("x"))).exit_code == code
        assert handlers() != before
    assert handlers() == before


def test_a_second_interrupt_is_not_held_back():
    before = handlers()
    with pytest.raises(KeyboardInterrupt), StopRequest():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
    assert handlers() == before


@pytest.mark.parametrize(("named", "is_asked"), [(True, True), (False, False), (None, False)])
def test_a_run_ends_when_who_started_it_is_gone(monkeypatch, named, is_asked):
    """`named` is whether the variable names our parent, another process, or is not there."""
    parent = os.getppid()
    monkeypatch.delenv(STARTED_BY_VARIABLE, raising=False)
    if named is not None:
        monkeypatch.setenv(STARTED_BY_VARIABLE, str(parent if named else parent + 1))
    with StopRequest() as stop:
        assert stop.signal is None
        monkeypatch.setattr(os, "getppid", lambda: 1 if parent != 1 else 2)
        assert (stop.signal == signal.SIGTERM) == is_asked
        assert stop.error(3, PLAN, RunFolder(Path("x"))).exit_code == 0


def test_a_second_sigterm_changes_nothing():
    with StopRequest() as stop:
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
        assert stop.error(3, PLAN, RunFolder(Path("x"))).exit_code == 0


def test_in_another_thread_no_handler_is_set():
    before = handlers()
    seen = []

    def work() -> None:
        with StopRequest():
            seen.append(handlers())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]


# --- in a run -------------------------------------------------------------------------------------------


class Signals(SilentProgress):
    """Sends a signal to this process when a step is done."""

    def __init__(self, step: int, number: signal.Signals) -> None:
        self._step, self._number = step, number

    def step(self, step: int, *, loss: float, top1: float, images_per_s: float) -> None:
        if step == self._step:
            signal.raise_signal(self._number)


@pytest.mark.parametrize(
    ("step", "number", "code"),
    [(1, signal.SIGINT, 130), (6, signal.SIGTERM, 0), (9, signal.SIGTERM, 0), (23, signal.SIGINT, 130)],
)
def test_the_step_is_finished_and_saved_and_the_same_bits_come_out(tmp_path, number, code, step):
    path = tmp_path / "run"
    with pytest.raises(StoppedError) as caught:
        run_tiny(path, progress=Signals(step, number))
    assert caught.value.exit_code == code
    assert str(caught.value) == (
        f"Stopped after step {step} of 24; everything is saved. Go on with: cnnlab resume {path}"
    )
    latest = load_latest(RunFolder(path).checkpoints, warn=pytest.fail)
    assert latest is not None
    assert latest.state["step"] == step
    run_tiny(path)
    assert outcome(path) == whole_outcome()


def test_in_the_last_step_the_weights_are_written_and_what_follows_is_not_begun(tmp_path):
    path = tmp_path / "run"
    with pytest.raises(StoppedError, match=r"Stopped after step 24 of 24; everything is saved\. Go on with"):
        run_tiny(path, progress=Signals(24, signal.SIGTERM))
    assert outcome(path) == whole_outcome()
    assert run_tiny(path).steps == 24


@pytest.mark.filterwarnings("ignore")  # of torch's compiler about itself
@pytest.mark.parametrize("comes", [True, False])
@pytest.mark.parametrize("by_torch", [True, False])
def test_a_signal_that_ends_torchs_compiler_too(tmp_path, monkeypatch, by_torch, comes):
    """Ctrl-C goes to all processes of a terminal, the compiler's among them."""

    def step(*args: object, **options: object) -> None:
        if comes:
            signal.raise_signal(signal.SIGINT)
        raise RuntimeError("CppCompileError")

    monkeypatch.setattr("cnnlab.training.loop.train_step", step)
    with pytest.raises((StoppedError, RuntimeError)) as caught:
        run_tiny(tmp_path / "run", tiny_config(compile=by_torch, train__steps=8))
    if comes and by_torch:
        assert str(caught.value) == (
            f"Stopped while torch compiled, which begins again with: cnnlab resume {tmp_path / 'run'}"
        )
        assert isinstance(caught.value, StoppedError) and caught.value.exit_code == 130
    else:
        assert str(caught.value) == "CppCompileError"


def test_inside_a_save_the_save_is_finished(tmp_path):
    config = tiny_config(train__steps=8, train__val_every=3)
    sent = []

    def interrupt(number: int, name: str) -> None:
        if name == "rename" and not sent:
            sent.append(number)
            signal.raise_signal(signal.SIGINT)

    with watched_disk(interrupt), pytest.raises(StoppedError, match="Stopped after step"):
        run_tiny(tmp_path / "run", config)
    assert sent
    run_tiny(tmp_path / "run")
    assert outcome(tmp_path / "run") == whole_outcome(config)


def test_two_interrupts_end_at_once_and_still_nothing_is_lost(tmp_path):
    class Twice(SilentProgress):
        def step(self, step: int, *, loss: float, top1: float, images_per_s: float) -> None:
            if step == 9:
                signal.raise_signal(signal.SIGINT)
                signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        run_tiny(tmp_path / "run", progress=Twice())
    run_tiny(tmp_path / "run")
    assert outcome(tmp_path / "run") == whole_outcome()


# --- in a process of its own ----------------------------------------------------------------------------


LONG = tiny_config(train__steps=100)


class Slow(SilentProgress):
    """Leaves time for a signal."""

    def step(self, step: int, *, loss: float, top1: float, images_per_s: float) -> None:
        time.sleep(0.02)


def train_in_process(path: Path) -> None:
    """As the command line does it: the error's text on stderr, its exit code."""
    torch.set_num_threads(1)
    with (path.parent / "stderr").open("w") as stderr:
        os.dup2(stderr.fileno(), 2)
        try:
            run_tiny(path, LONG, progress=Slow())
        except CnnlabError as error:
            print(error, file=sys.stderr, flush=True)
            sys.exit(error.exit_code)


def stopped_by(number: signal.Signals, path: Path) -> tuple[int | None, str]:
    """Train in a process of its own, send the signal after some more steps; return exit code and message."""
    seen = RunFolder(path).metrics_bytes
    process = start(train_in_process, path)
    deadline = time.monotonic() + 60
    while RunFolder(path).metrics_bytes < seen + 500:
        assert process.is_alive(), (path.parent / "stderr").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert process.pid is not None
    os.kill(process.pid, number)
    process.join()
    return process.exitcode, (path.parent / "stderr").read_text()


def test_real_signals(tmp_path):
    path = tmp_path / "run"
    for number, expected in ((signal.SIGINT, 130), (signal.SIGTERM, 0)):
        code, message = stopped_by(number, path)
        assert code == expected
        assert re.fullmatch(
            rf"Stopped after step \d+ of 100; everything is saved\. Go on with: cnnlab resume {path}\n",
            message,
        )
        step = int(message.split()[3])
        latest = load_latest(RunFolder(path).checkpoints, warn=pytest.fail)
        assert latest is not None
        assert latest.state["step"] == step
    run_tiny(path)
    assert outcome(path) == whole_outcome(LONG)


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_the_command_line(tmp_path, number, code):
    """`cnnlab train`, stopped; the command it prints goes on."""
    command = [sys.executable, "-m", "cnnlab"]
    options = ["--data", "synthetic:1x8x8x400", "--steps", "400", "--batch-size", "16", "--print-every", "20"]
    options += ["--threads", "1", "--set", "data.val_size=50", "--no-test", "--out", str(tmp_path)]
    train = [*command, "train", "convnet_mnist", *options]
    with subprocess.Popen(train, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("step"):
                break
        process.send_signal(number)
        said = process.stderr.read()
        assert process.wait(30) == code
    resume = re.search(r"Go on with: cnnlab resume (\S+)$", said, re.MULTILINE)
    assert resume, said
    done = subprocess.run([*command, "resume", resume[1], "--no-test"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "going on after step" in done.stderr
    assert RunFolder(Path(resume[1])).weights.exists()
