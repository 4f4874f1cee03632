"""A run as TensorBoard shows it: an event file in the run folder, written anew from the run's first line."""

import io
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from PIL import Image

from cnnlab.errors import MissingResourceError
from cnnlab.runs import RunFolder
from cnnlab.tracking.tracker import Ending, scalars, scores_of, start_time

PATTERN = "events.out.tfevents.*.cnnlab"
CHARTS = {"loss": ["loss/train", "loss/val"], "top1": ["top1/train", "top1/val"]}
"""Curves that are drawn over each other, under `Custom Scalars`."""


class EventFiles:
    """Writes what TensorBoard reads; tensorboard is imported only when it is asked for.

    Records are written by TensorBoard's own `RecordWriter`, at once: its `EventFileWriter` does so in a
    thread, which answers a full disk with a traceback.
    """

    name = "TensorBoard"
    option = "--tensorboard"

    def __init__(self) -> None:
        self._file: BinaryIO | None = None
        self._path = Path()
        self._folder: RunFolder | None = None
        self._num_shown = 0

    def check(self) -> None:
        """Find out whether tensorboard is installed; raises MissingResourceError if not."""
        try:
            import torch.utils.tensorboard.summary  # noqa: F401 # imports tensorboard
        except ImportError:
            raise MissingResourceError(
                "--tensorboard: needs tensorboard, which is not installed. "
                "Get it with: pip install 'cnnlab[tensorboard]'"
            ) from None

    def begin(self, folder: RunFolder) -> str:
        """Begin a new event file, whose first event says to forget what the files before it hold of this run.

        The newest of those stays: a TensorBoard that is watching goes on from the one that it reads to the
        next, and stops for good where its own is gone.

        Raises:
            MissingResourceError: the disk is full.
        """
        from torch.utils.tensorboard.summary import custom_scalars, text

        self.close()
        event, _ = _messages()
        self._folder, self._num_shown = folder, 0
        seconds, nanoseconds = divmod(time.time_ns(), 10**9)
        # TensorBoard goes on to the file whose name comes next in the alphabet
        self._path = folder.path / f"events.out.tfevents.{seconds:010d}.{nanoseconds:09d}.cnnlab"
        config = "".join(f"    {line}\n" for line in folder.config.to_toml().splitlines())
        with self._explained():
            for old in sorted(folder.path.glob(PATTERN))[:-1]:
                old.unlink()
            self._file = self._path.open("xb")
            began = start_time(folder)
            self._write(event.Event(wall_time=began, file_version="brain.Event:2"))
            session = event.SessionLog(status=event.SessionLog.START)
            self._write(event.Event(wall_time=began, session_log=session))
            charts = {"train and val": {name: ["Multiline", tags] for name, tags in CHARTS.items()}}
            for summary in (custom_scalars(charts), text("config", config)):
                self._write(event.Event(wall_time=began, summary=summary))
            self._file.flush()
        return f"TensorBoard: tensorboard --logdir {folder.path.parent}"

    def show(self, lines: Sequence[dict[str, Any]]) -> None:
        """Write one event for each new line; raises MissingResourceError where the disk is full."""
        assert self._file is not None and self._folder is not None
        began = start_time(self._folder)
        with self._explained():
            for line in lines[self._num_shown :]:
                when = began + line.get("seconds", 0.0)
                self._write(_numbers_event(scalars(line), step=line["step"], when=when))
            self._file.flush()
        self._num_shown = len(lines)

    def finish(self, ending: Ending) -> None:
        """Write the test scores and the pictures, at the last step; raises as `show` does."""
        assert self._file is not None and self._folder is not None
        cost = self._folder.cost
        step, when = cost.get("steps", 0), start_time(self._folder) + cost.get("train_seconds", 0.0)
        with self._explained():
            if scores := scores_of(self._folder):
                self._write(_numbers_event(scores, step=step, when=when))
            for name, png in ending.pictures.items():
                self._write(_picture_event(name, png, step=step, when=when))
            self._file.flush()

    def close(self) -> None:
        """Close the file; what could not be written has been told before."""
        if self._file is not None:
            with suppress(OSError):
                self._file.close()
            self._file = None

    def _write(self, event: Any) -> None:
        from tensorboard.summary.writer.record_writer import RecordWriter

        RecordWriter(self._file).write(event.SerializeToString())

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            reason = error.strerror or error
            raise MissingResourceError(f"{self._path}: cannot be written: {reason}.") from None


def _messages() -> tuple[Any, Any]:
    """Return TensorBoard's messages, which are made on import and so unknown to a type checker."""
    from tensorboard.compat.proto import event_pb2, summary_pb2

    return event_pb2, summary_pb2.Summary  # pyright: ignore[reportAttributeAccessIssue]


def _numbers_event(values: dict[str, float], *, step: int, when: float) -> Any:
    event, summary = _messages()
    numbers = [summary.Value(tag=tag, simple_value=value) for tag, value in values.items()]
    return event.Event(wall_time=when, step=step, summary=summary(value=numbers))


def _picture_event(name: str, png: bytes, *, step: int, when: float) -> Any:
    event, summary = _messages()
    with Image.open(io.BytesIO(png)) as image:
        width, height = image.size
        channels = len(image.getbands())
    picture = summary.Image(width=width, height=height, colorspace=channels, encoded_image_string=png)
    value = summary.Value(tag=name, image=picture)
    return event.Event(wall_time=when, step=step, summary=summary(value=[value]))
