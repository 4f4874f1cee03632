import io
import os
import sys
from typing import TextIO

import pytest
from rich.console import Console

from cnnlab.training import BarProgress, LineProgress, SilentProgress, format_seconds
from cnnlab.training.plan import Plan
from cnnlab.training.progress import opening_line
from tiny_training import run_tiny, tiny_config

PLAN = Plan(batch_size=128, steps_per_epoch=100, num_steps=250, val_every=100, log_every=50)
STEP = {"loss": 0.25, "top1": 0.5, "images_per_s": 1234.5}


def test_lines_in_full():
    stream = io.StringIO()
    progress = LineProgress(stream)
    progress.start("lenet5 on mnist", PLAN, step=0, seconds_left=90.0)
    for step in range(1, 101):
        progress.step(step, **STEP)
        if step % 50 == 0:
            progress.log(step, lr=0.01, **STEP)
    progress.validate(100, loss=0.125, top1=0.987)
    progress.log(150, lr=0.001, **STEP)
    progress.message("something else")
    progress.stop()
    assert stream.getvalue().splitlines() == [
        "lenet5 on mnist: 250 steps of 128 images (2.5 epochs), about 1 min 30 s",
        "step 50/250  lr 0.01  loss 0.2500  train 50.00%  1,234 images/s",
        "step 100/250  lr 0.01  loss 0.2500  train 50.00%  1,234 images/s  val 98.70% (loss 0.1250)",
        "step 150/250  lr 0.001  loss 0.2500  train 50.00%  1,234 images/s",
        "something else",
    ]


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (Plan(1, 1, 1, 1, 1), "x: 1 step of 1 image (1 epoch)"),
        (Plan(2, 1, 1, 1, 1), "x: 1 step of 2 images (1 epoch)"),
        (Plan(1, 4, 2, 4, 1), "x: 2 steps of 1 image (0.5 epochs)"),
    ],
)
def test_one_of_a_thing_is_no_plural(plan, words):
    assert opening_line("x", plan, step=0, seconds_left=None) == words


def test_what_is_not_as_asked_is_said_before_the_first_step(tmp_path):
    stream = io.StringIO()
    config = tiny_config(train__steps=2, train__batch_size=100)
    run_tiny(tmp_path / "run", config, progress=LineProgress(stream))
    first, second, *_ = stream.getvalue().splitlines()
    assert first == "train.batch_size: 100 is more than the 72 training images; every step takes 72."
    assert second.startswith("tiny_net on tiny, seed 0, float32, 1 thread: 2 steps of 72 images (2 epochs)")


def test_a_validation_between_two_lines_has_its_own():
    stream = io.StringIO()
    progress = LineProgress(stream)
    progress.start("x", PLAN, step=0, seconds_left=None)
    progress.validate(70, loss=1.0, top1=0.5)
    assert stream.getvalue().splitlines()[1:] == ["step 70  val 50.00% (loss 1.0000)"]


def test_a_line_held_back_for_its_validation_is_not_lost():
    stream = io.StringIO()
    progress = LineProgress(stream)
    progress.start("x", PLAN, step=0, seconds_left=None)
    progress.log(100, lr=0.01, **STEP)
    assert len(stream.getvalue().splitlines()) == 1
    progress.stop()  # the run was stopped or failed inside the validation
    assert stream.getvalue().splitlines()[1].startswith("step 100/250")
    progress.stop()
    assert len(stream.getvalue().splitlines()) == 2


def test_lines_that_cannot_be_written_end_no_run(tmp_path):
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as closed_pipe:
        with pytest.raises(BrokenPipeError):
            print("x", file=closed_pipe, flush=True)
        assert run_tiny(tmp_path / "run", progress=LineProgress(closed_pipe)).steps == 24
        os.dup2(os.open(os.devnull, os.O_WRONLY), writer)  # so that closing it flushes somewhere


def test_lines_go_to_stderr(capsys):
    LineProgress().message("hello")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "hello\n")


def test_lines_come_every_so_many_steps_as_asked(tmp_path):
    stream = io.StringIO()
    config = tiny_config(train__log_every=4, train__val_every=4)
    run_tiny(tmp_path / "run", config, progress=LineProgress(stream))
    _, *lines = stream.getvalue().splitlines()
    assert [line.split()[1] for line in lines] == [f"{step}/24" for step in range(4, 25, 4)]
    assert all(" loss " in line and " train " in line and " val " in line for line in lines)


@pytest.mark.parametrize("width", [200, 80, 20])
def test_the_bar_runs_on_a_terminal_of_any_width(tmp_path, monkeypatch, width):
    stream = io.StringIO()

    def terminal(file: TextIO) -> Console:
        assert file is sys.stderr
        return Console(file=stream, force_terminal=True, width=width, _environ={})

    monkeypatch.setattr("rich.console.Console", terminal)
    config = tiny_config(train__steps=60, train__log_every=5)
    run_tiny(tmp_path / "run", config, progress=BarProgress())
    shown = stream.getvalue()
    assert "tiny_net on tiny" in shown.replace("\n", "")
    if width == 200:
        assert "60/60" in shown
        assert "loss" in shown
        assert "val" in shown
        assert "images/s" in shown
    assert "nan" not in shown
    assert shown.endswith("\n\x1b[?25h")  # the prompt stands on a line of its own, the cursor is back


def test_the_bar_leaves_the_terminal_in_order_when_the_run_fails(tmp_path, monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr("rich.console.Console", lambda file: Console(file=stream, force_terminal=True))
    progress = BarProgress()

    def fail(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("cnnlab.training.loop.validate", fail)
    with pytest.raises(KeyboardInterrupt):
        run_tiny(tmp_path / "run", progress=progress)
    assert "\x1b[?25h" in stream.getvalue()
    assert not progress._bar.live.is_started


def test_the_bar_takes_markup_as_text(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr(
        "rich.console.Console", lambda file: Console(file=stream, force_terminal=True, width=99)
    )
    progress = BarProgress()
    progress.start("[bold]a/[x][/]", PLAN, step=5, seconds_left=None)
    progress.message("[/] [red]b")
    progress.stop()
    assert "[bold]a/[x][/]: 250 steps" in stream.getvalue()
    assert "[/] [red]b" in stream.getvalue()


def test_silence(capsys):
    progress = SilentProgress()
    progress.start("x", PLAN, step=0, seconds_left=None)
    progress.step(1, **STEP)
    progress.log(1, lr=0.1, **STEP)
    progress.validate(1, loss=1.0, top1=0.5)
    progress.message("x")
    progress.stop()
    captured = capsys.readouterr()
    assert captured.out + captured.err == ""


@pytest.mark.parametrize(
    ("step", "seconds", "line"),
    [
        (0, None, "x: 250 steps of 128 images (2.5 epochs)"),
        (7, None, "x: 250 steps of 128 images (2.5 epochs), going on after step 7"),
        (7, 5.4, "x: 250 steps of 128 images (2.5 epochs), going on after step 7, about 5 s"),
    ],
)
def test_opening_line(step, seconds, line):
    assert opening_line("x", PLAN, step=step, seconds_left=seconds) == line


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.4, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 0 s"),
        (60, "1 min 0 s"),
        (200, "3 min 20 s"),
        (599.7, "10 min"),
        (3599, "59 min"),
        (3599.6, "1 h 0 min"),
        (7265, "2 h 1 min"),
        (360_000, "100 h 0 min"),
    ],
)
def test_format_seconds(seconds, text):
    assert format_seconds(seconds) == text
