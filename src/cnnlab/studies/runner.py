"""Bringing a study to its end: what has been run is used, what was stopped goes on, the rest is trained."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from cnnlab.config import AugmentConfig, DataConfig, RunConfig
from cnnlab.errors import ConfigError
from cnnlab.lab import check_network, finished_run, load_splits, resolve
from cnnlab.lab.launch import Launch, launch_process
from cnnlab.runs import RunFolder
from cnnlab.studies.report import StudyReport, make_report
from cnnlab.studies.study import Study, StudyRun

MAX_SEEDS = 1000

Fingerprints = dict[DataConfig, dict[str, str]]


def run_study(
    study: Study,
    *,
    quick: bool = False,
    seeds: int | None = None,
    out: Path | str | None = None,
    command: str = "",
    launch: Launch = launch_process,
    say: Callable[[str], None] | None = None,
    **options: Any,
) -> StudyReport:
    """Run a study and report on it. After Ctrl-C the same call goes on where it stopped.

    Args:
        study: which one, see `get_study`.
        quick: cut every run short: minutes in all, and no figure that can be compared.
        seeds: how many runs of each kind; the study's own number if not given.
        out: where run folders are looked for and made; `runs/study-NAME` if not given.
        command: what makes this report again, kept with it.
        launch: brings one run to its end; a process of its own each if not given.
        say: takes one line about what happens; they go to stderr if not given.
        **options: for all runs, as `resolve` takes them: `root`, `threads`, `device`.

    Raises:
        ConfigError: an option is wrong.
        RunError: a run failed, or is damaged.
        StoppedError: a signal asked to stop.
        MissingResourceError: the data is not on this machine, or the disk is full.
    """
    say = say or _say
    out = Path(out) if out is not None else Path("runs") / f"study-{study.name}"
    seeds = seeds if seeds is not None else study.quick_seeds if quick else study.seeds
    if not 1 <= seeds <= MAX_SEEDS:
        raise ConfigError(f"--seeds: must be 1 to {MAX_SEEDS}. Received: {seeds}.")
    runs = [StudyRun(run.key, resolve(run.config, **options)) for run in study.runs(quick=quick, seeds=seeds)]
    fingerprints = _check_all(runs, say)
    folders: dict[str, list[RunFolder]] = {}
    for number, run in enumerate(runs, start=1):
        title = f"[{number}/{len(runs)}] {run.key}, seed {run.config.seed}"
        seen = fingerprints[_images_of(run.config)]
        folder = finished_run(run.config, seen, out, launch=launch, say=say, title=title)
        folders.setdefault(run.key, []).append(folder)
    return make_report(study, folders, quick=quick, seeds=seeds, command=command)


def _check_all(runs: Sequence[StudyRun], say: Callable[[str], None]) -> Fingerprints:
    """Read all images and build all networks once: what is wrong is found now, not hours later."""
    fingerprints: Fingerprints = {}
    for images in {_images_of(run.config): None for run in runs}:
        data = load_splits(images, ("train", "val", "test"), warn=say)
        for run in {run.key: run for run in runs if _images_of(run.config) == images}.values():
            check_network(run.config, data["train"])
        fingerprints[images] = {split: data[split].fingerprint for split in ("train", "val")}
    return fingerprints


def _images_of(config: RunConfig) -> DataConfig:
    """Return what decides which images a run sees."""
    return config.data.model_copy(update={"augment": AugmentConfig()})


def _say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)
