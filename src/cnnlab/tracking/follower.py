"""Keeps a tracker up to date with a run folder, in a thread of its own: no failure reaches the run."""

import json
import shlex
import threading
import time
from collections.abc import Callable
from typing import Any

from cnnlab.errors import CnnlabError
from cnnlab.runs import RunFolder
from cnnlab.tracking.tracker import Ending, Tracker

LOOK_EVERY = 0.5
"""Seconds between two looks at metrics.jsonl."""
TRY_AGAIN_AFTER = 30.0
"""Seconds after a failure."""
PATIENCE = 60.0
"""Seconds that the end of a run waits for a tracker that is behind."""


class Follower:
    """Shows a run while it goes on.

    It only reads: training does not know of it. A tracker that fails is told of in one line and tried again
    later; since the lines stay in metrics.jsonl, none is lost by that.

    Args:
        tracker: shows the run.
        folder: the run; metrics.jsonl must not be cut any more.
        say: takes lines for the user, from the thread.
    """

    def __init__(self, tracker: Tracker, folder: RunFolder, *, say: Callable[[str], None]) -> None:
        self._tracker, self._folder, self._say = tracker, folder, say
        self._thread = threading.Thread(target=self._follow, name=f"cnnlab {tracker.name}", daemon=True)
        self._ended = threading.Event()
        self._ending: Ending | None = None
        self._lines: list[dict[str, Any]] = []
        self._num_bytes = 0
        self._is_begun = self._is_told = False

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def end(self, ending: Ending) -> None:
        """Let it show the rest and end, without waiting for it."""
        self._ending = ending
        self._ended.set()

    def wait(self) -> None:
        """Wait until all is shown, but no longer than `PATIENCE`."""
        if self._thread.ident is None:  # the run ended before its first step
            self._tracker.close()
            return
        self._thread.join(PATIENCE)
        if self._thread.is_alive():
            self._tell(f"has not taken everything within {PATIENCE:.0f} s.")

    def _follow(self) -> None:
        try_at = 0.0
        while True:
            is_last = self._ended.wait(0.0 if try_at == 0.0 else LOOK_EVERY)
            if is_last or time.monotonic() >= try_at:
                try:
                    self._catch_up()
                    if is_last and self._ending is not None:
                        self._tracker.finish(self._ending)
                    try_at = time.monotonic()
                except Exception as error:  # whatever it is, the run must not end by it
                    self._tell(_in_one_line(error))
                    self._is_begun = False
                    try_at = time.monotonic() + TRY_AGAIN_AFTER
            if is_last:
                self._tracker.close()
                return

    def _catch_up(self) -> None:
        is_new = self._read_new_lines()
        if not self._is_begun:
            where = self._tracker.begin(self._folder)
            if not self._is_told:
                self._say(where)
            self._is_begun = is_new = True
        if is_new:
            self._tracker.show(self._lines)

    def _read_new_lines(self) -> bool:
        """Read what was added to metrics.jsonl; a line that is still being written is left for later."""
        if self._folder.metrics_bytes <= self._num_bytes:
            return False
        with (self._folder.path / "metrics.jsonl").open("rb") as file:
            file.seek(self._num_bytes)
            content = file.read()
        whole = content[: content.rfind(b"\n") + 1]
        self._num_bytes += len(whole)
        self._lines += [json.loads(line) for line in whole.splitlines()]
        return bool(whole)

    def _tell(self, what: str) -> None:
        """Say once that something has failed; the rest can be made good in the same way."""
        if not self._is_told:
            self._is_told = True
            command = f"cnnlab track {shlex.quote(str(self._folder.path))} {self._tracker.option}"
            self._say(
                f"{self._tracker.name}: {what} The run goes on; what is missing is shown once that is "
                f"mended, at the latest by: {command}"
            )


def _in_one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if isinstance(error, CnnlabError) else f"{type(error).__name__}: {text}."
