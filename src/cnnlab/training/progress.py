"""What a user sees while a run goes on: plain lines, a live bar, or nothing."""

import sys
from contextlib import suppress
from typing import Protocol, TextIO

from cnnlab.training.plan import Plan


class Progress(Protocol):
    """Told of everything that happens in a run; never changes anything in it."""

    def start(self, title: str, plan: Plan, *, step: int, seconds_left: float | None) -> None:
        """Update `step + 1` is about to begin; `seconds_left` is an estimate, None for a short run."""

    def step(self, step: int, *, loss: float, top1: float, images_per_s: float) -> None:
        """Update `step` is done; loss and accuracy are means over the training images since the last line."""

    def log(self, step: int, *, loss: float, top1: float, lr: float, images_per_s: float) -> None:
        """A line of metrics was written."""

    def validate(self, step: int, *, loss: float, top1: float) -> None:
        """The validation images were looked at."""

    def message(self, text: str) -> None:
        """Something else to tell the user."""

    def stop(self) -> None:
        """The loop has ended, one way or another."""


class SilentProgress:
    """Shows nothing."""

    def start(self, title: str, plan: Plan, *, step: int, seconds_left: float | None) -> None:
        """Nothing."""

    def step(self, step: int, *, loss: float, top1: float, images_per_s: float) -> None:
        """Nothing."""

    def log(self, step: int, *, loss: float, top1: float, lr: float, images_per_s: float) -> None:
        """Nothing."""

    def validate(self, step: int, *, loss: float, top1: float) -> None:
        """Nothing."""

    def message(self, text: str) -> None:
        """Nothing."""

    def stop(self) -> None:
        """Nothing."""


class LineProgress(SilentProgress):
    """Plain lines: one per line of metrics, with the newest validation beside it."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._plan: Plan | None = None
        self._line = ""

    def start(self, title: str, plan: Plan, *, step: int, seconds_left: float | None) -> None:
        """Say what runs, and for how long."""
        self._plan = plan
        self.message(opening_line(title, plan, step=step, seconds_left=seconds_left))

    def log(self, step: int, *, loss: float, top1: float, lr: float, images_per_s: float) -> None:
        """Print the training figures; a validation at this step is added to the line."""
        assert self._plan is not None
        self._line = (
            f"step {step}/{self._plan.num_steps}  lr {lr:.3g}  loss {loss:.4f}  "
            f"train {top1:.2%}  {images_per_s:,.0f} images/s"
        )
        if not self._plan.is_val_step(step):
            self._flush()

    def validate(self, step: int, *, loss: float, top1: float) -> None:
        """Print the validation figures."""
        line = f"val {top1:.2%} (loss {loss:.4f})"
        self._line = f"{self._line}  {line}" if self._line else f"step {step}  {line}"
        self._flush()

    def message(self, text: str) -> None:
        """Print a line of text; a pipe that was closed or a full disk behind it ends no run."""
        with suppress(OSError):
            print(text, file=self._stream, flush=True)

    def stop(self) -> None:
        """Print what is still held back."""
        self._flush()

    def _flush(self) -> None:
        if self._line:
            self.message(self._line)
        self._line = ""


class BarProgress(SilentProgress):
    """A live bar with loss, accuracy, images/s and the time left; needs a terminal."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._console = Console(file=sys.stderr)
        self._bar = Progress(
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("loss {task.fields[loss]}  train {task.fields[top1]}  val {task.fields[val]}"),
            TextColumn("{task.fields[rate]} images/s"),
            TimeRemainingColumn(),
            console=self._console,
        )

    def start(self, title: str, plan: Plan, *, step: int, seconds_left: float | None) -> None:
        """Say what runs, and show the bar."""
        self.message(opening_line(title, plan, step=step, seconds_left=seconds_left))
        self._task = self._bar.add_task(
            "", total=plan.num_steps, completed=step, loss="-", top1="-", val="-", rate="-"
        )
        self._bar.start()

    def step(self, step: int, *, loss: float, top1: float, images_per_s: float) -> None:
        """Move the bar."""
        rate = f"{images_per_s:,.0f}"
        self._bar.update(self._task, completed=step, loss=f"{loss:.4f}", top1=f"{top1:.2%}", rate=rate)

    def validate(self, step: int, *, loss: float, top1: float) -> None:
        """Show the newest validation."""
        self._bar.update(self._task, val=f"{top1:.2%}")

    def message(self, text: str) -> None:
        """Print a line above the bar."""
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def stop(self) -> None:
        """Leave the bar as it is."""
        self._bar.stop()


def opening_line(title: str, plan: Plan, *, step: int, seconds_left: float | None) -> str:
    """Return what is said before the first step."""
    epochs = f"{plan.epochs_at(plan.num_steps):.3g}"
    steps, images = _counted(plan.num_steps, "step"), _counted(plan.batch_size, "image")
    line = f"{title}: {steps} of {images} ({_counted(epochs, 'epoch')})"
    if step:
        line += f", going on after step {step}"
    if seconds_left is not None:
        line += f", about {format_seconds(seconds_left)}"
    return line


def format_seconds(seconds: float) -> str:
    """Return a duration as a person would say it, such as `3 min 20 s`."""
    minutes, rest = divmod(round(seconds), 60)
    if minutes == 0:
        return f"{rest} s"
    if minutes < 60:
        return f"{minutes} min {rest} s" if minutes < 10 else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"


def _counted(number: int | str, thing: str) -> str:
    return f"{number} {thing}{'' if str(number) == '1' else 's'}"
