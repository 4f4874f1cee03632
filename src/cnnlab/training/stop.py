"""Ctrl-C, SIGTERM, and the end of who started this: finish the step, save, say how to go on."""

import os
import shlex
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType

from cnnlab.errors import CnnlabError, StoppedError
from cnnlab.runs import RunFolder
from cnnlab.training.plan import Plan

STARTED_BY_VARIABLE = "CNNLAB_STARTED_BY"
"""Holds the id of the process that a run is made for, a comparison's: the run ends when that one is gone."""


class StopRequest:
    """Notes a signal while a run is in its loop; a second Ctrl-C is not held back."""

    def __init__(self) -> None:
        self._signal: signal.Signals | None = None
        started_by = os.environ.get(STARTED_BY_VARIABLE)
        # A process killed at once passes nothing on; its children get another parent.
        self._parent = os.getppid() if started_by == str(os.getppid()) else None
        self._previous: dict[signal.Signals, object] = {}

    def __enter__(self) -> "StopRequest":
        if threading.current_thread() is threading.main_thread():  # Python allows handlers only there
            for number in (signal.SIGINT, signal.SIGTERM):
                self._previous[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            if handler is not None:  # one that was not set from Python cannot be put back
                signal.signal(number, handler)  # pyright: ignore[reportArgumentType] # what signal() gave
        self._previous = {}

    @property
    def signal(self) -> signal.Signals | None:
        """The signal that asked to stop, or None; SIGTERM when who started this is gone."""
        if self._signal is None and self._parent is not None and os.getppid() != self._parent:
            self._signal = signal.SIGTERM
        return self._signal

    def error(self, step: int, plan: Plan, folder: RunFolder) -> StoppedError:
        """Return what ends a run whose state is saved; its exit code is 130 after Ctrl-C, 0 after SIGTERM."""
        return StoppedError(
            f"Stopped after step {step} of {plan.num_steps}; everything is saved. "
            f"Go on with: cnnlab resume {shlex.quote(str(folder.path))}",
            exit_code=self._exit_code,
        )

    def error_before_start(self, where: str, folder: RunFolder) -> StoppedError:
        """Return what ends a run in what leaves no state of its own to save; `where` says in what."""
        return StoppedError(
            f"Stopped {where}, which begins again with: cnnlab resume {shlex.quote(str(folder.path))}",
            exit_code=self._exit_code,
        )

    @contextmanager
    def while_compiling(self, folder: RunFolder) -> Iterator[None]:
        """Let a signal that ended torch's compiler too, as Ctrl-C does, end the run as signals do.

        Raises:
            StoppedError: it came; what was saved before is good.
        """
        try:
            yield
        except CnnlabError:
            raise
        except Exception as error:
            if self.signal is None:
                raise
            raise self.error_before_start("while torch compiled", folder) from error

    @property
    def _exit_code(self) -> int:
        return 130 if self._signal == signal.SIGINT else 0

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self._signal == signal.SIGINT and number == signal.SIGINT:
            raise KeyboardInterrupt
        self._signal = signal.Signals(number)


@contextmanager
def stopped_after_training(folder: RunFolder) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end what comes after the last step with a line that says how to go on.

    Raises:
        StoppedError: a signal came; the weights are saved.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        raise StoppedError(
            f"Stopped while test images were scored; the training is done and saved. "
            f"Go on with: cnnlab resume {shlex.quote(str(folder.path))}",
            exit_code=130 if number == signal.SIGINT else 0,
        )

    if threading.current_thread() is not threading.main_thread():  # Python allows handlers only there
        yield
        return
    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            if handler is not None:
                signal.signal(number, handler)
