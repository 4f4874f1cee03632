"""The run folder: where everything about one run lies, and the only thing that later commands read.

```
config.toml         what ran, complete
environment.json    versions, hardware, threads, precision, commit, data fingerprint
metrics.jsonl       one line per logged step and per validation
model.safetensors   the weights that evaluation uses
checkpoint/         everything resume needs
cost.json           what training took: seconds, memory, parameters
eval.json           test metrics, written once
pretrain.json       how well each layer was pre-trained, if it was; pretrain.safetensors: its weights
predictions.safetensors  the test set's labels and probabilities, for paired tests
```
"""

import json
import os
import shlex
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from cnnlab.config import RunConfig
from cnnlab.errors import ConfigError, RunError
from cnnlab.runs.atomic import sync_folder, write_bytes, write_errors_explained, write_json
from cnnlab.runs.contents import Cost, Environment, MetricsLine, Scores
from cnnlab.runs.json_files import read_json, read_json_lines
from cnnlab.runs.naming import make_unique, name_of_run

try:
    import fcntl
except ImportError:  # Windows has no flock; there two processes on one run are not noticed.
    fcntl = None

# Fields of metrics.jsonl that depend on the clock; all others are the same bits for the same config.
TIMING_FIELDS = frozenset({"seconds", "images_per_s"})


TRAIN_AGAIN = "Train again with `cnnlab train`."


class RunFolder:
    """Reads and writes one run folder.

    Attributes:
        path: the folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls, out: Path, config: RunConfig) -> "RunFolder":
        """Make a new folder `<recipe>-<data>-s<seed>-<time>` in `out` and write the config into it.

        Raises:
            MissingResourceError: `out` cannot be made or written, or the disk is full.
        """
        content = config.to_toml().encode()
        with write_errors_explained(out, needed=len(content)):
            out.mkdir(parents=True, exist_ok=True)
            path = make_unique(out, name_of_run(config, datetime.now()))
        try:
            write_bytes(path / "config.toml", content)
        except BaseException:
            shutil.rmtree(path, ignore_errors=True)
            raise
        with write_errors_explained(out, needed=0):
            sync_folder(out)
        return cls(path)

    @classmethod
    def open(cls, path: Path) -> "RunFolder":
        """Open a folder that `create` made.

        Raises:
            RunError: there is no run at `path`.
        """
        if not (path / "config.toml").is_file():
            what = "is a file, not a run folder" if path.is_file() else "does not exist"
            what = "is not a run folder (no config.toml in it)" if path.is_dir() else what
            raise RunError(f"{path}: {what}. `cnnlab runs` lists the runs.")
        return cls(path)

    @property
    def name(self) -> str:
        """The folder's own name."""
        return self.path.name

    @property
    def config(self) -> RunConfig:
        """What ran.

        Raises:
            ConfigError: config.toml is damaged, or of another version of cnnlab, which is then named.
        """
        try:
            return RunConfig.from_file(self.path / "config.toml")
        except ConfigError as error:
            made_by, here = self._made_by(), _own_version()
            if made_by in ("", here):
                raise
            raise ConfigError(f"{error} The run was made by cnnlab {made_by}; this is {here}.") from None

    @property
    def checkpoints(self) -> Path:
        """The folder of checkpoints."""
        return self.path / "checkpoint"

    @property
    def weights(self) -> Path:
        """The file of the final weights; there once training has finished."""
        return self.path / "model.safetensors"

    @property
    def predictions(self) -> Path:
        """The file of the test set's labels and probabilities; there once the run is evaluated."""
        return self.path / "predictions.safetensors"

    @property
    def environment(self) -> dict[str, Any]:
        """Where it ran; empty if the run was stopped before that was written."""
        return read_json(self.path / "environment.json", Environment, remedy=TRAIN_AGAIN) or {}

    @environment.setter
    def environment(self, values: dict[str, Any]) -> None:
        write_json(self.path / "environment.json", values)

    @property
    def cost(self) -> dict[str, Any]:
        """What training took; empty before it has finished."""
        return read_json(self.path / "cost.json", Cost, remedy=TRAIN_AGAIN) or {}

    @cost.setter
    def cost(self, values: dict[str, Any]) -> None:
        write_json(self.path / "cost.json", values)

    @property
    def evaluation(self) -> dict[str, Any] | None:
        """The test metrics, or None before the run is evaluated."""
        remedy = f"Remove it, then: cnnlab evaluate {shlex.quote(str(self.path))}"
        values = read_json(self.path / "eval.json", Scores, remedy=remedy)
        # Files of before there were views lack these.
        return values and {"tta": "none", "average": "probs", "first": None, **values}

    @evaluation.setter
    def evaluation(self, values: dict[str, Any]) -> None:
        write_json(self.path / "eval.json", values)

    @property
    def metrics_bytes(self) -> int:
        """Length of metrics.jsonl in bytes; a checkpoint remembers it."""
        path = self.path / "metrics.jsonl"
        return path.stat().st_size if path.exists() else 0

    def append_metrics(self, line: dict[str, Any]) -> None:
        """Add one line to metrics.jsonl and flush it to the disk.

        Appended, not renamed: a line torn by a crash lies behind the newest checkpoint; resume cuts it off.
        """
        content = (json.dumps(line, allow_nan=False) + "\n").encode()
        path = self.path / "metrics.jsonl"
        is_new = not path.exists()
        with write_errors_explained(path, needed=len(content)):
            with path.open("ab") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            if is_new:
                sync_folder(self.path)

    def truncate_metrics(self, num_bytes: int) -> None:
        """Forget the lines written after a checkpoint.

        Raises:
            RunError: metrics.jsonl is shorter than the checkpoint remembers.
        """
        path = self.path / "metrics.jsonl"
        if self.metrics_bytes < num_bytes:
            raise RunError(
                f"{path}: {self.metrics_bytes} bytes where the checkpoint has seen {num_bytes}: damaged. "
                "Bring the file back, or train again with `cnnlab train`."
            )
        if path.exists():
            os.truncate(path, num_bytes)

    def read_metrics(self) -> list[dict[str, Any]]:
        """Return the lines of metrics.jsonl; a torn last line is left out."""
        return read_json_lines(self.path / "metrics.jsonl", MetricsLine, remedy=TRAIN_AGAIN)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the run against a second process that would write it.

        Raises:
            RunError: another process is writing this run.
        """
        path = self.path / ".lock"
        with write_errors_explained(path, needed=0):
            file = path.open("w")
        with file:
            if fcntl is not None:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    message = f"{self.path}: another process is writing this run. Wait for it to end."
                    raise RunError(message) from None
                except OSError:
                    pass  # a network folder without locks; as on Windows
            for left_by_a_crash in self.path.glob(".*.tmp"):
                left_by_a_crash.unlink(missing_ok=True)
            yield

    def _made_by(self) -> str:
        """Return the version of cnnlab that made this run; empty where that is not known."""
        try:
            return self.environment.get("packages", {}).get("cnnlab", "")
        except RunError:
            return ""


def _own_version() -> str:
    try:
        return version("cnnlab")
    except PackageNotFoundError:
        return ""
