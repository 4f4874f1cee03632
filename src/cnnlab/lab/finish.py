"""An evaluated run of a config: found among those that are there, gone on with, or trained.

What is gone on with is a run that was stopped, or a shorter one that is the longer one's beginning.
"""

import shlex
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from cnnlab.config import RunConfig
from cnnlab.errors import CnnlabError, RunError
from cnnlab.lab.evaluate import why_other_scores
from cnnlab.lab.launch import Launch
from cnnlab.runs import RunFolder, find_runs, find_runs_of_any_length, list_runs
from cnnlab.runs.naming import name_of_run
from cnnlab.training import (
    begin_longer,
    why_not_longer,
    why_other_bits,
    why_other_images,
    why_other_settings,
)

NEEDED_COST = {"seconds_per_epoch", "train_seconds", "parameters", "peak_memory_bytes"}
"""What a comparison takes from cost.json."""


def finished_run(
    config: RunConfig,
    fingerprints: dict[str, str],
    out: Path,
    *,
    launch: Launch,
    say: Callable[[str], None],
    title: str,
) -> RunFolder:
    """Return an evaluated run of this config: one that is there, else one brought to its end now.

    A finished run that is shorter and has a constant rate is copied and gone on with.

    Args:
        config: what to run.
        fingerprints: of the images of train and val that it would see today, by split.
        out: where run folders are looked for and made.
        launch: brings a run to its end.
        say: takes one line about what happens, and about each run that is passed over.
        title: what such a line starts with.

    Raises:
        CnnlabError: the run failed or was stopped, see `launch_process`.
    """
    unfinished = None
    _say_unreadable(out, config, say, title)
    for run in find_runs(out, config):
        folder = RunFolder(run.path)
        if reason := _why_useless(folder, config, fingerprints, say):
            say(f"{title}: {run.path} is passed over: {reason}")
        elif run.state == "evaluated":
            say(f"{title}: done before, {run.path}")
            return folder
        else:
            unfinished = run.path
            break
    if unfinished is not None:
        say(f"{title}: goes on in {unfinished}")
    else:
        unfinished = _go_on_from_shorter(config, fingerprints, out, say, title)
        if unfinished is None:
            say(f"{title}: is trained")
    folder = RunFolder.open(launch(config, out, unfinished))
    if folder.evaluation is None:
        command = f"cnnlab evaluate {shlex.quote(str(folder.path))}"
        raise RunError(f"{folder.path}: was trained but not evaluated. Try: {command}")
    return folder


def is_finished(config: RunConfig, fingerprints: dict[str, str], out: Path) -> bool:
    """Tell whether `finished_run` would find an evaluated run of this config, and train nothing."""
    for run in find_runs(out, config):
        if not _why_useless(RunFolder(run.path), config, fingerprints, lambda line: None):
            return run.state == "evaluated"
    return False


def _say_unreadable(out: Path, config: RunConfig, say: Callable[[str], None], title: str) -> None:
    """Name runs that by their folders' names could be of this config, and whose settings cannot be read."""
    stem = name_of_run(config, datetime.min).rpartition("-s")[0]
    for run in list_runs(out):
        if run.config is None and run.path.name.startswith(f"{stem}-s{config.seed}-"):
            try:
                _ = RunFolder(run.path).config
            except (CnnlabError, OSError) as error:
                say(f"{title}: {run.path} is passed over: {error}")


def _go_on_from_shorter(
    config: RunConfig,
    fingerprints: dict[str, str],
    out: Path,
    say: Callable[[str], None],
    title: str,
) -> Path | None:
    """Begin this run with the longest that it has in common with a finished one; None without such a run.

    One that is of no use is passed over in silence: nobody asked for it.
    """
    for run in find_runs_of_any_length(out, config):
        shorter = RunFolder(run.path)
        with suppress(RunError):
            if why_not_longer(shorter, config) or why_other_images(shorter, fingerprints):
                continue
            if why_other_bits(shorter, shorter.config, warn=say):
                continue
            path = begin_longer(shorter, config, out).path
            say(f"{title}: goes on from the end of {shorter.path}, in {path}")
            return path
    return None


def _why_useless(
    folder: RunFolder,
    config: RunConfig,
    fingerprints: dict[str, str],
    say: Callable[[str], None],
) -> str:
    """Say why a run of these settings is not the one that would be trained today; empty if it is."""
    try:
        if different := why_other_images(folder, fingerprints) or why_other_settings(folder):
            return different
        if kept := folder.evaluation:
            if lacking := NEEDED_COST - folder.cost.keys():
                return f"its cost.json lacks {', '.join(sorted(lacking))}."
            different = why_other_scores(config.evaluation, kept)
            return different and f"its eval.json {different}."
        different = why_other_bits(folder, config, warn=say)
    except RunError as error:
        return str(error)
    return different and f"it cannot go on to the same bits: {different}."
