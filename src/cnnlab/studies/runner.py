"""Bringing a study to its end: what has been run is used, what was stopped goes on, the rest is trained."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from cnnlab.config import AugmentConfig, DataConfig, RunConfig
from cnnlab.errors import ConfigError, did_you_mean
from cnnlab.lab import (
    Task,
    check_evaluation,
    check_jobs,
    check_network,
    finish_all,
    load_splits,
    resolve,
    say_to_stderr,
    share_of_threads,
)
from cnnlab.lab.launch import Launch, launch_here
from cnnlab.runs import RunFolder
from cnnlab.studies.forecast import TimeLeft, predict_seconds
from cnnlab.studies.report import StudyReport, make_report
from cnnlab.studies.study import Study, StudyRun
from cnnlab.training import format_seconds

MAX_SEEDS = 1000


def run_study(
    study: Study,
    *,
    quick: bool = False,
    seeds: int | None = None,
    only: Sequence[str] = (),
    out: Path | str | None = None,
    command: str = "",
    jobs: int = 1,
    launch: Launch | None = None,
    say: Callable[[str], None] | None = None,
    **options: Any,
) -> StudyReport:
    """Run a study and report on it. After Ctrl-C the same call goes on where it stopped.

    Args:
        study: which one, see `get_study`.
        quick: cut every run short: minutes in all, and no figure that can be compared.
        seeds: how many runs of each kind; the study's own number if not given.
        only: these parts of the study; all if not given. `R-lab` stands for all that begin with `R-lab,`.
        out: where run folders are looked for and made; `runs/study-NAME` if not given.
        command: what makes this report again, kept with it.
        jobs: runs at once, each with its share of the cores.
        launch: brings one run to its end; if not given, a process of its own each, or this one if quick.
        say: takes one line about what happens; they go to stderr if not given.
        **options: for all runs, as `resolve` takes them: `root`, `threads`, `device`.

    Raises:
        ConfigError: an option is wrong.
        RunError: a run failed, or is damaged.
        StoppedError: a signal asked to stop.
        MissingResourceError: the data is not on this machine, or the disk is full.
    """
    say = say or say_to_stderr
    if quick and jobs == 1:
        launch = launch or launch_here
    out = Path(out) if out is not None else Path("runs") / f"study-{study.name}"
    seeds = seeds if seeds is not None else study.quick_seeds if quick else study.seeds
    if not 1 <= seeds <= MAX_SEEDS:
        raise ConfigError(f"--seeds: must be 1 to {MAX_SEEDS}. Received: {seeds}.")
    check_jobs(jobs)
    options["threads"] = share_of_threads(jobs, options.get("threads"))
    every = study.runs(quick=quick, seeds=seeds)
    parts = chosen_parts(study, dict.fromkeys(run.part for run in every), only)
    runs = [replace(run, config=resolve(run.config, **options)) for run in every if run.part in parts]
    fingerprints, predicted = _look_ahead(runs, out, say)
    time_left = TimeLeft(predicted, jobs)
    is_pretrained = any(run.config.pretrain.method != "none" for run in runs)
    more = " Pre-training comes on top." if is_pretrained and time_left.seconds else ""
    say(f"{study.name}: {time_left}{more}")

    def about() -> str:
        return f", about {format_seconds(time_left.seconds)} left" if time_left.seconds else ""

    tasks = [
        Task(
            run.config,
            fingerprints[_images_of(run.config)],
            f"{run.key}, seed {run.config.seed}",
            run.chain,
        )
        for run in runs
    ]
    done = finish_all(tasks, out, jobs=jobs, launch=launch, say=say, seconds_left=about, done=time_left.done)
    folders: dict[str, list[RunFolder]] = {}
    for run, folder in zip(runs, done, strict=True):
        folders.setdefault(run.key, []).append(folder)
    only = parts if len(parts) < len({run.part for run in every}) else ()
    return make_report(study, folders, quick=quick, seeds=seeds, only=only, command=command)


def chosen_parts(study: Study, parts: Iterable[str], only: Sequence[str]) -> tuple[str, ...]:
    """Return the parts of a study that are asked for, in its order; all if none is.

    Raises:
        ConfigError: there is no such part.
    """
    parts = tuple(parts)
    for name in only:
        if not any(part == name or part.startswith(f"{name},") for part in parts):
            known = did_you_mean(name, parts, between="; ")  # there are commas in names
            raise ConfigError(f"--only: there is no part {name!r} of the study {study.name}. {known}")
    wanted = {part for part in parts for name in only if part == name or part.startswith(f"{name},")}
    return tuple(part for part in parts if not only or part in wanted)


def _look_ahead(
    runs: Sequence[StudyRun], out: Path, say: Callable[[str], None]
) -> tuple[dict[DataConfig, dict[str, str]], list[float]]:
    """Read all images and build all networks once: what is wrong is found now, not hours later.

    Returns:
        The fingerprints of train and val, by `_images_of`, and the seconds that each run will take.
    """
    fingerprints: dict[DataConfig, dict[str, str]] = {}
    predicted = [0.0] * len(runs)
    for images in {_images_of(run.config): None for run in runs}:
        indices = [index for index, run in enumerate(runs) if _images_of(run.config) == images]
        data = load_splits(images, ("train", "val", "test"), warn=say)
        for run in {runs[index].key: runs[index] for index in indices}.values():
            check_network(run.config, data["train"])
            check_evaluation(run.config, data["test"])
        fingerprints[images] = {split: data[split].fingerprint for split in ("train", "val")}
        seconds = predict_seconds([runs[index] for index in indices], data, out)
        for index, value in zip(indices, seconds, strict=True):
            predicted[index] = value
    return fingerprints, predicted


def _images_of(config: RunConfig) -> DataConfig:
    """Return what decides which images are read for a run; what becomes of them later does not."""
    later = {"augment": AugmentConfig(), "scale": "standard", "crop_size": None}
    return config.data.model_copy(update=later)
