"""What SIGTERM does where no run is there to be saved: one line, and the exit code that shells expect."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from cnnlab.cli.output import say

TERMINATED = 128 + signal.SIGTERM


@contextmanager
def terminated_with_a_line() -> Iterator[None]:
    """End on SIGTERM as on any other exit, so that temporary files go; in a run, its own handler holds."""
    if threading.current_thread() is not threading.main_thread():  # Python allows handlers only there
        yield
        return
    before = signal.signal(signal.SIGTERM, _end)
    try:
        yield
    finally:
        if before is not None:  # one that was not set from Python cannot be put back
            signal.signal(signal.SIGTERM, before)


def _end(number: int, frame: FrameType | None) -> None:
    with suppress(RuntimeError):  # a line was being written just then
        say("Terminated.")
    raise SystemExit(TERMINATED)
