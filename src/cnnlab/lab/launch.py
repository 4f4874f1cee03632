"""One run in a process of its own, so that its peak memory is its own; or here, where seconds count."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Protocol

from cnnlab.config import RunConfig
from cnnlab.errors import CheckFailedError, MissingResourceError, RunError, StoppedError
from cnnlab.lab.train import resume, train
from cnnlab.training import AT_ONCE_VARIABLE, STARTED_BY_VARIABLE

GO_ON = "What is done is kept: give the same command again to go on."


class Launch(Protocol):
    """Brings one run to its end."""

    def __call__(self, config: RunConfig, out: Path, unfinished: Path | None) -> Path:
        """Train and evaluate; return the run folder.

        Args:
            config: what to run.
            out: where the run folder is made.
            unfinished: a run of this config to go on with, instead of a new one.
        """
        ...


def launch_here(config: RunConfig, out: Path, unfinished: Path | None) -> Path:
    """Do it in this process, which saves the seconds of its start; raises as `train` and `resume` do."""
    try:
        return train(config, out=out) if unfinished is None else resume(unfinished)
    except StoppedError as error:  # it speaks of the one run
        what = f"{config.model.name}, seed {config.seed}"
        raise StoppedError(f"{what}: stopped. {GO_ON}", exit_code=error.exit_code) from None


def launch_process(
    config: RunConfig,
    out: Path,
    unfinished: Path | None,
    *,
    processes: "Processes | None" = None,
    say: Callable[[str], None] | None = None,
    at_once: int = 1,
) -> Path:
    """Do it by `cnnlab train` or `cnnlab resume` in a fresh process.

    Args:
        config: as for every `Launch`.
        out: likewise.
        unfinished: likewise.
        processes: those that end when a signal comes; only this one if not given.
        say: takes each line of its messages; they go to our stderr as they are if not given.
        at_once: how many runs share the machine, which its environment.json then says.

    Raises:
        StoppedError: a signal stopped it; its state is saved.
        CheckFailedError: it diverged.
        MissingResourceError: it lacks data or disk space.
        RunError: it failed in another way, by a fault of cnnlab's own for example.
    """
    with contextlib.ExitStack() as stack:
        processes = processes or stack.enter_context(Processes())
        if unfinished is not None:
            return _run(["resume", str(unfinished)], processes, say, at_once, what=str(unfinished))
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="cnnlab-"))
        file = Path(folder) / "config.toml"
        file.write_text(config.to_toml(), encoding="utf-8")
        # A file without a recipe's name would be given its own. JSON's quotes are TOML's.
        keep_name = f"recipe={json.dumps(config.recipe, ensure_ascii=False)}"
        arguments = ["train", str(file), "--set", keep_name, "--out", str(out)]
        what = f"{config.recipe or config.model.name}, seed {config.seed}"
        return _run(arguments, processes, say, at_once, what=what)


class Processes:
    """Hands signals on to running processes and lets them save, instead of dying before them or killing them.

    Attributes:
        received: the signals that came.
    """

    def __init__(self) -> None:
        self.received: set[int] = set()
        self._running: list[subprocess.Popen[str]] = []
        self._is_ending = False
        self._before: dict[int, object] = {}

    def __enter__(self) -> "Processes":
        if threading.current_thread() is threading.main_thread():  # Python allows handlers only there
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # pyright: ignore[reportArgumentType] # what signal() gave

    @contextlib.contextmanager
    def watching(self, process: subprocess.Popen[str]) -> Iterator[None]:
        """Pass on to this process what comes; what came before is passed on now."""
        self._running.append(process)
        if self._is_ending:
            process.terminate()
        try:
            yield
        finally:
            self._running.remove(process)

    def end(self) -> None:
        """Ask all processes, and those that are still to come, to save and to end; once."""
        if self._is_ending:
            return
        self._is_ending = True
        # A terminal's Ctrl-C has reached them too, and a second SIGINT would abort their saving.
        for process in list(self._running):
            process.terminate()

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.received.add(number)
        self.end()


def _run(
    arguments: list[str],
    processes: Processes,
    say: Callable[[str], None] | None,
    at_once: int,
    *,
    what: str,
) -> Path:
    """Run `cnnlab`, and return the run folder that it prints."""
    # Without -P a file of the user's called secrets.py or random.py would take the place of Python's own.
    command = [sys.executable, "-P", "-m", "cnnlab", *arguments]
    messages = None if say is None else subprocess.PIPE
    with (
        subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=messages,
            text=True,
            errors="surrogateescape",
            env={**os.environ, AT_ONCE_VARIABLE: str(at_once), STARTED_BY_VARIABLE: str(os.getpid())},
        ) as process,
        processes.watching(process),
    ):
        if say is not None:
            assert process.stderr is not None
            for line in process.stderr:  # stdout is one line, which cannot fill its pipe meanwhile
                say(line.rstrip("\n"))
        printed = process.communicate()[0].splitlines()
    code = process.returncode
    # A signal to all may have killed it before it could save, and before we have heard of it ourselves.
    is_killed = code in (-signal.SIGINT, -signal.SIGTERM, 128 + signal.SIGTERM)
    if processes.received or is_killed or code == 130 or (code == 0 and not printed):
        exit_code = 130 if code in (130, -signal.SIGINT) or signal.SIGINT in processes.received else 0
        raise StoppedError(f"{what}: stopped. {GO_ON}", exit_code=exit_code)
    if code == 0:
        return Path(printed[-1])
    if code < 0:
        memory = "; out of memory?" if code == -signal.SIGKILL else "."
        raise RunError(f"{what}: its process was killed by signal {-code}{memory} {GO_ON}")
    kind = {1: CheckFailedError, 3: MissingResourceError}.get(code, RunError)
    raise kind(f"{what}: failed with exit code {code}; the reason is given above. Finished runs are kept.")
