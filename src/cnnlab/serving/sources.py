"""What `cnnlab serve` is given: ONNX files, and run folders, whose export is used or made first."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from cnnlab.errors import CnnlabError, ExportError, RunError
from cnnlab.export.sealed import read_sealed
from cnnlab.export.weights_sum import read_weights_sum

WEIGHTS, CONFIG = "model.safetensors", "config.toml"
"""Of a run folder; `cnnlab.runs`, which knows them too, imports torch."""


class ExportFailedError(CnnlabError):
    """A run could not be exported; `cnnlab export` says why, and its exit code is kept."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def onnx_files(
    sources: Sequence[Path], *, data_root: Path | None = None, say: Callable[[str], None]
) -> list[Path]:
    """Return an ONNX file for each source.

    A run's file lies in its folder, `RUN/RUN.onnx`, so that a second start takes no time, and it goes where
    the run goes. It is made anew where it is of other weights, or damaged. Another process makes it: this one
    never imports torch.

    Args:
        sources: ONNX files and run folders.
        data_root: where the runs' data lies; an export is compared with its run on test images.
        say: takes one line about what takes a while.

    Raises:
        RunError: a folder has no weights.
        ExportFailedError: a run cannot be exported.
    """
    return [_of_run(path, data_root, say) if path.is_dir() else path for path in sources]


def _is_of(exported: Path, weights: Path) -> bool:
    try:
        found = read_weights_sum(weights)
        return bool(found) and read_sealed(exported)[1].weights == found
    except ExportError:
        return False


def _of_run(run: Path, data_root: Path | None, say: Callable[[str], None]) -> Path:
    exported = run / f"{run.resolve().name}.onnx"
    weights = run / WEIGHTS
    if not (run / CONFIG).is_file() and not weights.is_file():
        raise RunError(f"{run}: is no run folder: it has no {CONFIG}. Give a run folder, or an ONNX file.")
    if not weights.is_file():
        raise RunError(
            f"{run}: has no {WEIGHTS}: it is no finished run. Finish it with `cnnlab resume {run}`, "
            f"or give an ONNX file."
        )
    if exported.is_file() and _is_of(exported, weights):
        return exported
    say(f"{run}: exporting it to {exported} first ...")
    command = [sys.executable, "-m", "cnnlab", "export", str(run)]
    command += ["--format", "onnx", "--gallery", "--out", str(run)]
    command += [] if data_root is None else ["--data-root", str(data_root)]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines() or ["no reason was given"]
        reason = lines[-1].removeprefix("Error: ")
        raise ExportFailedError(f"{run}: cannot be exported: {reason}", done.returncode)
    return exported
