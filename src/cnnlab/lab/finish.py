"""An evaluated run of a config: found among those that are there, gone on with, or trained."""

import shlex
from collections.abc import Callable
from pathlib import Path

from cnnlab.config import RunConfig
from cnnlab.errors import RunError
from cnnlab.lab.evaluate import why_other_scores
from cnnlab.lab.launch import Launch
from cnnlab.runs import RunFolder, find_runs
from cnnlab.training import why_other_bits


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
    for run in find_runs(out, config):
        folder = RunFolder(run.path)
        if reason := _why_useless(folder, run.state, config, fingerprints, say):
            say(f"{title}: {run.path} is passed over: {reason}")
        elif run.state == "evaluated":
            say(f"{title}: done before, {run.path}")
            return folder
        else:
            unfinished = run.path
            break
    say(f"{title}: goes on in {unfinished}" if unfinished else f"{title}: is trained")
    folder = RunFolder.open(launch(config, out, unfinished))
    if folder.evaluation is None:
        command = f"cnnlab evaluate {shlex.quote(str(folder.path))}"
        raise RunError(f"{folder.path}: was trained but not evaluated. Try: {command}")
    return folder


def _why_useless(
    folder: RunFolder,
    state: str,
    config: RunConfig,
    fingerprints: dict[str, str],
    say: Callable[[str], None],
) -> str:
    """Say why a run of these settings is not the one that would be trained today; empty if it is."""
    try:
        seen = folder.environment.get("data", {})
        for split, fingerprint in fingerprints.items():
            has_begun = seen or state != "started"
            if has_begun and seen.get(split, {}).get("fingerprint") != fingerprint:
                return f"the {split} images of {config.data.name} are not those that it was trained on."
        if kept := folder.evaluation:
            different = why_other_scores(config.evaluation, kept)
            return different and f"its eval.json {different}."
        different = why_other_bits(folder, config, warn=say)
    except RunError as error:
        return str(error)
    return different and f"it cannot go on to the same bits: {different}."
