"""What runs there are, and how far each of them came."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cnnlab.config import RunConfig
from cnnlab.runs.checkpoint import list_checkpoints, step_of
from cnnlab.runs.folder import RunFolder

State = Literal["started", "unfinished", "trained", "evaluated", "damaged"]


@dataclass(frozen=True)
class RunSummary:
    """One run at a glance.

    Attributes:
        path: the run folder.
        state: `started` before the first checkpoint, `unfinished` (stopped or still going on) after it,
            `trained` with final weights, `evaluated` with test metrics, `damaged` if a file cannot be read.
        config: what ran; None if config.toml is damaged.
        step: the newest checkpoint's step.
        top1: test accuracy as a fraction; None before evaluation.
    """

    path: Path
    state: State
    config: RunConfig | None
    step: int
    top1: float | None


def list_runs(out: Path) -> list[RunSummary]:
    """Return the runs in a folder by name, which for one recipe means by time."""
    if not out.is_dir():
        return []
    return [summarise(RunFolder(path.parent)) for path in sorted(out.glob("*/config.toml"))]


def find_runs(out: Path, config: RunConfig) -> list[RunSummary]:
    """Return the runs in a folder that ran exactly this config, the most advanced first, damaged ones last.

    The recipe's name, where data lies and how often a checkpoint is written do not count: they change no
    result. A folder of images is the same folder however its path is spelt. How test images are scored does
    count: a run has one eval.json.
    """
    key = result_key(config)
    same = [run for run in list_runs(out) if run.config is not None and result_key(run.config) == key]
    order = ("evaluated", "trained", "unfinished", "started", "damaged")
    return sorted(same, key=lambda run: (order.index(run.state), -run.step, str(run.path)))


def find_runs_of_any_length(out: Path, config: RunConfig) -> list[RunSummary]:
    """Return the finished runs in a folder that ran this config, whatever their length, longest first.

    How many steps an epoch has depends on the images, so that lengths are not compared here.
    """
    key = result_key(config, any_length=True)
    finished = [run for run in list_runs(out) if run.state in ("evaluated", "trained")]
    same = [run for run in finished if run.config and result_key(run.config, any_length=True) == key]
    return sorted(same, key=lambda run: (-run.step, str(run.path)))


def summarise(folder: RunFolder) -> RunSummary:
    """Return how far a run came; never raises for damaged files."""
    try:
        config = folder.config
    except (ValueError, OSError):
        return RunSummary(folder.path, "damaged", None, 0, None)
    checkpoints = list_checkpoints(folder.checkpoints)
    step = step_of(checkpoints[-1]) if checkpoints else 0
    try:
        evaluation = folder.evaluation
        top1 = evaluation["top1"] if evaluation else None
    except (ValueError, KeyError, OSError):
        return RunSummary(folder.path, "damaged", config, step, None)
    if evaluation:
        state: State = "evaluated"
    elif folder.weights.exists():
        state = "trained"
    else:
        state = "unfinished" if checkpoints else "started"
    return RunSummary(folder.path, state, config, step, top1)


def result_key(config: RunConfig, *, any_length: bool = False) -> RunConfig:
    """Return a config that is the same for all runs that come to the same result.

    Args:
        config: of a run.
        any_length: leave out how long it is.
    """
    changes = {"recipe": "", "data.root": None, "train.checkpoint_seconds": 60.0}
    folder = os.path.expanduser(config.data.name)  # neither this nor isdir fails on any name
    if os.path.isdir(folder):
        changes["data.name"] = str(Path(folder).resolve())
    return config.with_changes({**changes, **({"train.steps": 1} if any_length else {})})
