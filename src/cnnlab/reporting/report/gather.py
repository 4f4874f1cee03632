"""From run folders to the facts of a report; nothing comes from elsewhere."""

import math
from collections.abc import Sequence
from statistics import fmean, stdev
from typing import Any

import torch

from cnnlab.errors import RunError
from cnnlab.evaluation import (
    compare_runs,
    evaluated_scores,
    load_predictions,
    load_run,
    metrics,
    reliability,
)
from cnnlab.explain import structure
from cnnlab.models import layer_table, model_info
from cnnlab.reporting.report.facts import Curve, Facts, NetworkFacts
from cnnlab.runs import RunFolder

SHOWN_SETTINGS = (
    "optim.name",
    "optim.lr",
    "optim.momentum",
    "optim.weight_decay",
    "schedule.name",
    "train.batch_size",
    "train.label_smoothing",
    "train.ema_decay",
)


def gather(folders: Sequence[RunFolder], *, command: str = "") -> Facts:
    """Read runs; those that differ in the seed alone are one network.

    Args:
        folders: runs on one data set, in any order.
        command: what makes the report again.

    Raises:
        RunError: none has finished; one is damaged, not evaluated, or of other images; no seed is common.
    """
    finished, unfinished = [], []
    for folder in folders:
        if folder.weights.exists():
            evaluated_scores(folder)
            finished.append(folder)
        else:
            unfinished.append((folder, *_progress(folder)))
    if not finished:
        names = ", ".join(str(folder.path) for folder in folders)
        raise RunError(f"report: none of these runs has finished: {names}. Go on with: cnnlab resume RUN")
    groups = _groups(finished)
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
    comparison = compare_runs(paired, command=command)
    first = finished[0]
    scores = evaluated_scores(first)
    data = first.environment.get("data", {})
    return Facts(
        comparison=comparison,
        networks=tuple(_network(name, group) for name, group in paired.items()),
        unfinished=tuple(unfinished),
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
        environment=first.environment,
    )


def _groups(folders: Sequence[RunFolder]) -> dict[str, list[RunFolder]]:
    """Return runs that differ in the seed alone together, by a name that no other group has."""
    by_settings: dict[str, list[RunFolder]] = {}
    for folder in folders:
        key = folder.config.with_changes({"seed": 0}, source="report").to_toml()
        by_settings.setdefault(key, []).append(folder)
    groups: dict[str, list[RunFolder]] = {}
    for group in by_settings.values():
        config = group[0].config
        base = name = config.recipe or config.model.name
        number = 2
        while name in groups:
            name, number = f"{base} ({number})", number + 1
        by_seed = {folder.config.seed: folder for folder in group}
        if len(by_seed) < len(group):
            twice = next(folder for folder in group if by_seed[folder.config.seed] is not folder)
            raise RunError(
                f"{twice.path}: another run of the same settings and seed was given too. Leave one out."
            )
        groups[name] = [by_seed[seed] for seed in sorted(by_seed)]
    return groups


def _progress(folder: RunFolder) -> tuple[int, int | None]:
    """Return the last step that was logged, and how many there are to be, if the config says."""
    lines = list(folder.read_metrics())
    return (lines[-1]["step"] if lines else 0), folder.config.train.steps


def _network(name: str, group: Sequence[RunFolder]) -> NetworkFacts:
    run = load_run(group[0].path)
    info = model_info(run.network)
    config = group[0].config
    stored = [load_predictions(folder) for folder in group]
    confusions = [metrics.confusion_matrix(one.probs, one.labels) for one in stored]
    confusion = torch.stack(confusions).sum(0)
    scores = [evaluated_scores(folder) for folder in group]
    probs, labels = torch.cat([one.probs for one in stored]), torch.cat([one.labels for one in stored])
    curves = tuple(_curve(folder) for folder in group)
    values = config.model_dump(mode="json")
    return NetworkFacts(
        name=name,
        network=run.network,
        year=info.year,
        paper=info.paper,
        folders=tuple(group),
        parts=tuple(structure(run.model, in_channels=run.in_channels, image_size=run.crop_size)),
        layers=layer_table(run.model, in_channels=run.in_channels, image_size=run.crop_size),
        image_size=run.crop_size,
        in_channels=run.in_channels,
        file_bytes=group[0].weights.stat().st_size,
        settings={place: _at(values, place) for place in SHOWN_SETTINGS if _at(values, place)},
        epochs=group[0].cost["epochs"],
        steps=group[0].cost["steps"],
        curves=curves,
        epoch_seconds=_epoch_seconds(curves),
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
        bins=tuple(reliability(probs, labels)),
    )


def _curve(folder: RunFolder) -> Curve:
    points: dict[str, list[tuple[float, float, float, float]]] = {"train": [], "val": []}
    for line in folder.read_metrics():
        point = (line["epoch"], line["seconds"], line["loss"], line["top1"])
        if line["split"] in points and all(math.isfinite(number) for number in point):
            points[line["split"]].append(point)
    return Curve(folder.config.seed, tuple(points["train"]), tuple(points["val"]))


def _epoch_seconds(curves: Sequence[Curve]) -> tuple[float, float | None]:
    """Return mean and deviation of the time of an epoch, from one validation to the next."""
    times = []
    for curve in curves:
        before = (0.0, 0.0)
        for epoch, seconds, _, _ in curve.val:
            if epoch > before[0]:
                times.append((seconds - before[1]) / (epoch - before[0]))
            before = (epoch, seconds)
    if not times:
        return math.nan, None
    return fmean(times), stdev(times) if len(times) > 1 else None


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
