"""One run in a process of its own, so that its peak memory is its own; or here, where seconds count."""

import json
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from types import FrameType
from typing import Protocol

from cnnlab.config import RunConfig
from cnnlab.errors import CheckFailedError, MissingResourceError, RunError, StoppedError
from cnnlab.lab.train import resume, train

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


def launch_process(config: RunConfig, out: Path, unfinished: Path | None) -> Path:
    """Do it by `cnnlab train` or `cnnlab resume` in a fresh process; its messages go to our stderr.

    Raises:
        StoppedError: a signal stopped it; its state is saved.
        CheckFailedError: it diverged.
        MissingResourceError: it lacks data or disk space.
        RunError: it failed in another way, by a fault of cnnlab's own for example.
    """
    if unfinished is not None:
        return _run(["resume", str(unfinished)], what=str(unfinished))
    with tempfile.TemporaryDirectory(prefix="cnnlab-") as folder:
        file = Path(folder) / "config.toml"
        file.write_text(config.to_toml(), encoding="utf-8")
        # A file without a recipe's name would be given its own. JSON's quotes are TOML's.
        keep_name = f"recipe={json.dumps(config.recipe, ensure_ascii=False)}"
        arguments = ["train", str(file), "--set", keep_name, "--out", str(out)]
        return _run(arguments, what=f"{config.model.name}, seed {config.seed}")


def _run(arguments: list[str], *, what: str) -> Path:
    """Run `cnnlab`, and return the run folder that it prints."""
    # Without -P a file of the user's called secrets.py or random.py would take the place of Python's own.
    command = [sys.executable, "-P", "-m", "cnnlab", *arguments]
    with (
        _Signals() as signals,
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, errors="surrogateescape") as process,
    ):
        signals.pass_on_to(process)
        printed = process.communicate()[0].splitlines()
    code = process.returncode
    if signals.received or code == 130 or (code == 0 and not printed):
        exit_code = 130 if code == 130 or signal.SIGINT in signals.received else 0
        raise StoppedError(f"{what}: stopped. {GO_ON}", exit_code=exit_code)
    if code == 0:
        return Path(printed[-1])
    if code < 0:
        raise RunError(f"{what}: its process was killed by signal {-code}; out of memory? {GO_ON}")
    kind = {1: CheckFailedError, 3: MissingResourceError}.get(code, RunError)
    raise kind(f"{what}: failed with exit code {code}; the reason is given above. Finished runs are kept.")


class _Signals:
    """Hands signals on to a process and lets it save, instead of dying before it or killing it.

    Attributes:
        received: the signals that came.
    """

    def __init__(self) -> None:
        self.received: set[int] = set()
        self._process: subprocess.Popen[str] | None = None
        self._before: dict[int, object] = {}

    def __enter__(self) -> "_Signals":
        if threading.current_thread() is threading.main_thread():  # Python allows handlers only there
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # pyright: ignore[reportArgumentType] # what signal() gave

    def pass_on_to(self, process: subprocess.Popen[str]) -> None:
        """Name the process; what came before is passed on now."""
        self._process = process
        if self.received:
            process.terminate()

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.received.add(number)
        # A terminal's Ctrl-C has reached the process too, and a second SIGINT would abort its saving.
        if self._process is not None:
            self._process.terminate()
