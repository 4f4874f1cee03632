"""`evaluate`: what a finished run is worth on a split of the data it was made for."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from cnnlab import machine
from cnnlab.config import EvaluationConfig
from cnnlab.data import Dataset
from cnnlab.errors import ConfigError, RunError, did_you_mean
from cnnlab.evaluation import (
    Evaluation,
    Run,
    check_run_views,
    check_view_names,
    load_run,
    save_predictions,
    score,
    views_in_words,
)
from cnnlab.lab.splits import load_split, load_splits, say_converted
from cnnlab.reporting import write_curves, write_samples
from cnnlab.runs import RunFolder
from cnnlab.threads import set_threads

SPLITS = ("train", "val", "test")


def evaluate(
    run_path: Path | str,
    *,
    split: str = "test",
    data: str | None = None,
    root: Path | str | None = None,
    tta: str | None = None,
    average: str | None = None,
    warn: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Score a run; the test split is looked at once: scores, answers and pictures stay in the run folder.

    How it is looked at stands in the run's config, as `evaluation`. Scores by other views are computed anew,
    not kept, and said to be so: a choice between views belongs on `val`.

    Args:
        run_path: a run folder.
        split: `test`, `val` or `train`. Where eval.json is there, it is the answer for `test`; the others are
            computed anew and not kept.
        data: another data set with the same classes, or the run's own folder, which has moved; its images are
            brought to the network's size, and the scores are computed anew and not kept.
        root: where the data lies, if not where it lay in training.
        tta: views of each image, see `evaluation.views`; the run's own if not given.
        average: what of several views is averaged: `logits` or `probs`; the run's own if not given.
        warn: takes one line about something that happened while data was read, or that is not kept.

    Returns:
        `top1`, `top1_interval`, `top5`, `loss`, `ece`, `per_class`, `confusion_matrix`, `first` (of the run's
        own test images, where its config asks for it), `class_names`, `num_images`, `split`, `data`,
        `fingerprint`, `seconds`, `tta`, `average`. Accuracies are fractions.

    Raises:
        ConfigError: there is no such split, there are no such views, or these images do not have them.
        RunError: the run is missing, unfinished or damaged, its data has changed since, or what is kept is
            not what its config asks for.
        DataError: the data set's classes are not the run's, or a file is damaged.
        MissingResourceError: the data is not on this machine, or the disk is full.

    Example:
        >>> run = cnnlab.train("convnet_mnist", data="digits", epochs=5)
        >>> scores = cnnlab.evaluate(run)
        >>> 0.9 < scores["top1"] <= 1, scores["num_images"]
        (True, 360)
    """
    if split not in SPLITS:
        raise ConfigError(f"split: there is no split {split!r}. {did_you_mean(split, SPLITS)}")
    folder = RunFolder.open(Path(run_path))
    own = folder.config.evaluation
    tta = own.tta if tta is None else tta
    average = own.average if average is None else average
    check_view_names(tta, average)
    is_own_test = split == "test" and data is None
    is_kept = is_own_test and views_in_words(tta, average) == views_in_words(own.tta, own.average)
    if is_kept and (kept := folder.evaluation) is not None:
        if different := why_other_scores(own, kept):
            raise RunError(
                f"{folder.path / 'eval.json'}: {different}. Change config.toml back, or train anew."
            )
        return kept
    run = load_run(folder.path)
    check_run_views(run, tta, average)
    if data is not None:
        dataset = _load_other(run, data, split, root=root, warn=warn)
        return _score(run, dataset, tta, average).as_dict()
    if not is_own_test:
        return _score(run, load_split(folder, split, root=root, warn=warn), tta, average).as_dict()
    if not is_kept:
        if warn is not None:
            warn(
                f"{folder.path}: its own scores are by {views_in_words(own.tta, own.average)}; these, by "
                f"{views_in_words(tta, average)}, are not kept. Choose between views with --split val."
            )
        test = load_split(folder, split, root=root, warn=warn)
        return _score(run, test, tta, average, first=own.first).as_dict()
    with folder.locked():
        test = load_split(folder, split, root=root, warn=warn)
        evaluation = _score(run, test, tta, average, first=own.first)
        top1 = evaluation.scores["top1"]
        # eval.json comes last: where it is, the answers and the pictures are.
        save_predictions(folder, evaluation)
        write_samples(folder, test, test_top1=top1)
        write_curves(folder, test_top1=top1)
        folder.evaluation = evaluation.as_dict()
    return folder.evaluation or {}


def why_other_scores(config: EvaluationConfig, kept: dict[str, Any]) -> str:
    """Say why the scores of an eval.json are not those that a config asks for; empty if they are."""
    asked = _in_words(config.tta, config.average, config.first)
    given = _in_words(kept["tta"], kept["average"], kept["first"] and kept["first"]["num_images"])
    return "" if asked == given else f"holds scores by {given}, where config.toml asks for {asked}"


def _in_words(tta: str, average: str, first: int | None) -> str:
    alone = f", the first {first:,} images by themselves too" if first else ""
    return f"{views_in_words(tta, average)}{alone}"


def _score(run: Run, dataset: Dataset, tta: str, average: str, *, first: int | None = None) -> Evaluation:
    set_threads(run.folder.config.threads or machine.default_threads())
    machine.keep_freed_memory()
    return score(run, dataset, tta=tta, average=average, first=first)


def _load_other(
    run: Run, data: str, split: str, *, root: Path | str | None, warn: Callable[[str], None] | None
) -> Dataset:
    """Read a split of a data set that the run was not made for, as its network takes images."""
    changes = {
        "data.name": data,
        "data.image_size": run.image_size,
        "data.channels": run.in_channels,
    }
    config = run.folder.config.with_changes(changes, source="data")
    datasets = load_splits(config.data, (split,), root=root, warn=warn)
    if warn is not None:
        say_converted(datasets, warn)
    return datasets[split]
