"""`evaluate`: what a finished run is worth on a split of the data it was made for."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from cnnlab import machine
from cnnlab.data import Dataset
from cnnlab.errors import ConfigError, did_you_mean
from cnnlab.evaluation import Evaluation, Run, load_run, save_predictions, score
from cnnlab.lab.splits import load_split, load_splits, say_converted
from cnnlab.reporting import write_curves, write_samples
from cnnlab.runs import RunFolder

SPLITS = ("train", "val", "test")


def evaluate(
    run_path: Path | str,
    *,
    split: str = "test",
    data: str | None = None,
    root: Path | str | None = None,
    warn: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Score a run; the test split is looked at once: scores, answers and pictures stay in the run folder.

    Args:
        run_path: a run folder.
        split: `test`, `val` or `train`. Where eval.json is there, it is the answer for `test`; the others are
            computed anew and not kept.
        data: another data set with the same classes, or the run's own folder, which has moved; its images are
            brought to the network's size, and the scores are computed anew and not kept.
        root: where the data lies, if not where it lay in training.
        warn: takes one line about something that happened while data was read.

    Returns:
        `top1`, `top1_interval`, `top5`, `loss`, `ece`, `per_class`, `confusion_matrix`, `class_names`,
        `num_images`, `split`, `data`, `fingerprint`, `seconds`. Accuracies are fractions.

    Raises:
        ConfigError: there is no such split.
        RunError: the run is missing, unfinished or damaged, or its data has changed since.
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
    is_kept = split == "test" and data is None
    if is_kept and (kept := folder.evaluation) is not None:
        return kept
    run = load_run(folder.path)
    if data is not None:
        return _score(run, _load_other(run, data, split, root=root, warn=warn)).as_dict()
    if not is_kept:
        return _score(run, load_split(folder, split, root=root, warn=warn)).as_dict()
    with folder.locked():
        test = load_split(folder, split, root=root, warn=warn)
        evaluation = _score(run, test)
        top1 = evaluation.scores["top1"]
        # eval.json comes last: where it is, the answers and the pictures are.
        save_predictions(folder, evaluation)
        write_samples(folder, test, test_top1=top1)
        write_curves(folder, test_top1=top1)
        folder.evaluation = evaluation.as_dict()
    return folder.evaluation or {}


def _score(run: Run, dataset: Dataset) -> Evaluation:
    torch.set_num_threads(run.folder.config.threads or machine.default_threads())
    return score(run, dataset)


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
