"""From run folders to the facts of a report; nothing comes from elsewhere."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import torch
from torch import Tensor

from cnnlab.errors import RunError
from cnnlab.evaluation import (
    compare_runs,
    evaluated_scores,
    load_predictions,
    mcnemar,
    metrics,
    reliability,
)
from cnnlab.models import model_info
from cnnlab.reporting.report.curves import accuracy_of_all, curve_of, epoch_seconds, reached
from cnnlab.reporting.report.facts import Curve, Disagreement, Facts, NetworkFacts
from cnnlab.reporting.report.groups import by_network
from cnnlab.reporting.report.shape import shape_of
from cnnlab.runs import RunFolder

SHOWN_SETTINGS = (
    "data.train_size",
    "pretrain.method",
    "train.batch_size",
    "optim.name",
    "optim.lr",
    "optim.momentum",
    "optim.weight_decay",
    "schedule.name",
    "schedule.warmup",
    "train.label_smoothing",
    "train.class_weights",
    "train.sampling",
    "train.ema_decay",
)
NOTHING = (None, False, 0, 0.0, "none", "shuffled")
MOMENTUM = ("sgd", "rmsprop", "muon")
"""Optimizers that have one."""

ImagesOf = Callable[[RunFolder], tuple[int, int] | None]
"""Returns channels and side of the images that a run's network sees, where that is known without weights."""


def gather(folders: Sequence[RunFolder], *, command: str = "", images_of: ImagesOf | None = None) -> Facts:
    """Read runs; those that differ in the seed alone are one network.

    Args:
        folders: runs on one data set, in any order.
        command: what makes the report again.
        images_of: tells of the images of a run whose weights are gone.

    Raises:
        RunError: none has finished; one is damaged, not evaluated, or of other images; no seed is common.
    """
    finished, unfinished = [], []
    for folder in folders:
        if folder.weights.exists() or folder.evaluation is not None:
            evaluated_scores(folder)
            finished.append(folder)
        else:
            unfinished.append((folder, *_progress(folder)))
    if not finished:
        names = ", ".join(str(folder.path) for folder in folders)
        raise RunError(f"report: none of these runs has finished: {names}. Go on with: cnnlab resume RUN")
    groups = by_network(finished)
    common = set.intersection(*({folder.config.seed for folder in group} for group in groups.values()))
    if not common:
        seeds = "; ".join(
            f"{name}: {', '.join(str(folder.config.seed) for folder in group)}"
            for name, group in groups.items()
        )
        raise RunError(
            f"report: the networks have no seed in common ({seeds}). Train them with the same seeds."
        )
    paired = {
        name: [folder for folder in group if folder.config.seed in common] for name, group in groups.items()
    }
    comparison = compare_runs(paired, command=command, must_test=False)
    curves = {name: tuple(map(curve_of, group)) for name, group in paired.items()}
    target = accuracy_of_all([curve for some in curves.values() for curve in some])
    answers = {name: _answers(group) for name, group in paired.items()}
    first = next(iter(paired.values()))[0]
    scores = evaluated_scores(first)
    data = first.environment.get("data", {})
    return Facts(
        comparison=comparison,
        networks=tuple(
            _network(
                name,
                group,
                curves=curves[name],
                target=target,
                answers=answers[name],
                baseline=answers[next(iter(paired))],
                images_of=images_of,
            )
            for name, group in paired.items()
        ),
        target=target,
        unfinished=tuple(unfinished),
        left_out=tuple(folder for folder in finished if folder.config.seed not in common),
        class_names=tuple(scores["class_names"]),
        class_counts=tuple(scores["per_class"][name]["num_images"] for name in scores["class_names"]),
        splits={
            **{split: data[split]["num_images"] for split in ("train", "val") if split in data},
            "test": scores["num_images"],
        },
        fingerprints={
            **{split: data[split]["fingerprint"] for split in ("train", "val") if split in data},
            "test": scores["fingerprint"],
        },
    )


def _progress(folder: RunFolder) -> tuple[int, int | None]:
    """Return the last step that was logged, and how many there are to be, if the config says."""
    lines = list(folder.read_metrics())
    return (lines[-1]["step"] if lines else 0), folder.config.train.steps


@dataclass(frozen=True)
class _Answers:
    """What a report needs of a run's answers to the test images: N confidences, and whether each is right."""

    confidence: Tensor
    is_correct: Tensor


def _answers(group: Sequence[RunFolder]) -> list[_Answers]:
    """Return what each run answered; nothing where that of one was not kept."""
    if not all(folder.predictions.exists() for folder in group):
        return []
    stored = map(load_predictions, group)  # one at a time: those of many classes are large
    return [_Answers(one.probs.amax(1), one.is_correct) for one in stored]


def _network(
    name: str,
    group: Sequence[RunFolder],
    *,
    curves: tuple[Curve, ...],
    target: float | None,
    answers: Sequence[_Answers],
    baseline: Sequence[_Answers],
    images_of: ImagesOf | None,
) -> NetworkFacts:
    config = group[0].config
    info = model_info(config.model.name)
    scores = [evaluated_scores(folder) for folder in group]
    confusions = [torch.tensor(one["confusion_matrix"]) for one in scores]
    confusion = torch.stack(confusions).sum(0)
    mean, spread = epoch_seconds(curves)
    return NetworkFacts(
        name=name,
        recipe=config.recipe or "",
        network=info.name,
        year=info.year,
        arguments={
            key: value for key, value in config.model.args.items() if info.arguments.get(key) != value
        },
        folders=tuple(group),
        shape=shape_of(group[0], len(scores[0]["class_names"]), images_of),
        file_bytes=group[0].weights.stat().st_size if group[0].weights.exists() else None,
        settings=_settings(group[0]),
        epochs=_cost(group[0], "epochs"),
        steps=_cost(group[0], "steps"),
        curves=curves,
        epoch_seconds=(fmean(one.cost["seconds_per_epoch"] for one in group), None)
        if math.isnan(mean)
        else (mean, spread),
        reached=None if target is None else reached(curves, target),
        recall=_mean_over([metrics.recall(one) for one in confusions]),
        precision=_mean_over([metrics.precision(one) for one in confusions]),
        f1=_mean_over([metrics.f1(one) for one in confusions]),
        confusion=confusion,
        confused=tuple(
            (true, predicted, count / len(group))
            for true, predicted, count in metrics.most_confused(confusion)
        ),
        ece=fmean(one["ece"] for one in scores),
        loss=fmean(one["loss"] for one in scores),
        bins=tuple(
            reliability(
                torch.cat([one.confidence for one in answers]), torch.cat([one.is_correct for one in answers])
            )
        )
        if answers
        else (),
        disagreements=()
        if answers is baseline
        else tuple(
            _disagreement(folder.config.seed, *pair)
            for folder, *pair in zip(group, baseline, answers, strict=False)
        ),
    )


def _cost(folder: RunFolder, name: str) -> Any:
    if name not in folder.cost:
        raise RunError(f"{folder.path}: cost.json lacks {name!r}. Train it again.")
    return folder.cost[name]


def _disagreement(seed: int, first: _Answers, this: _Answers) -> Disagreement:
    only_first = int((first.is_correct & ~this.is_correct).sum())
    only_this = int((this.is_correct & ~first.is_correct).sum())
    p_value = mcnemar(first.is_correct.tolist(), this.is_correct.tolist())
    return Disagreement(seed, only_first, only_this, p_value)


def _settings(folder: RunFolder) -> dict[str, Any]:
    """Return what decides a training and is not left off, by dotted name."""
    values = folder.config.model_dump(mode="json")
    found = {place: _at(values, place) for place in SHOWN_SETTINGS}
    if found["optim.name"] not in MOMENTUM:
        found["optim.momentum"] = None
    for name, value in values["data"]["augment"].items():
        if name != "fill":
            found[f"data.augment.{name}"] = value
    return {place: value for place, value in found.items() if value not in NOTHING}


def _mean_over(seeds: Sequence[Sequence[float | None]]) -> tuple[float | None, ...]:
    """Return the mean over seeds per class; None where no seed has a value."""
    means = []
    for values in zip(*seeds, strict=True):
        known = [value for value in values if value is not None]
        means.append(fmean(known) if known else None)
    return tuple(means)


def _at(values: dict[str, Any], place: str) -> Any:
    section, field = place.split(".")
    return values[section].get(field)
