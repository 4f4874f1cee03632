"""What runs logged on their way: accuracy by epoch and by second, the time of an epoch."""

import math
from collections.abc import Sequence
from statistics import fmean, stdev

from cnnlab.errors import RunError
from cnnlab.reporting.report.facts import Curve
from cnnlab.runs import RunFolder


def curve_of(folder: RunFolder) -> Curve:
    """Return what a run logged; raises RunError where it did not log the time."""
    points: dict[str, list[tuple[float, float, float, float]]] = {"train": [], "val": []}
    for number, line in enumerate(folder.read_metrics(), start=1):
        if "seconds" not in line:
            raise RunError(
                f"{folder.path}: line {number} of metrics.jsonl lacks 'seconds'. "
                "Train again with `cnnlab train`."
            )
        points[line["split"]].append((line["epoch"], line["seconds"], line["loss"], line["top1"]))
    return Curve(folder.config.seed, tuple(points["train"]), tuple(points["val"]))


def epoch_seconds(curves: Sequence[Curve]) -> tuple[float, float | None]:
    """Return mean and deviation of the time of an epoch, from one validation to the next.

    The mean is NaN where nothing was validated; the deviation None where there is one time only.
    """
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


def accuracy_of_all(curves: Sequence[Curve]) -> float | None:
    """Return a validation accuracy that every run reaches, cut to a tenth of a point; None if none."""
    if not curves or not all(curve.val for curve in curves):
        return None
    lowest = min(max(point[3] for point in curve.val) for curve in curves)
    return math.floor(1000 * lowest + 1e-9) / 1000


def reached(curves: Sequence[Curve], target: float) -> tuple[float, float]:
    """Return epochs and seconds until validation first reaches an accuracy, mean over runs that all do."""
    firsts = [next(point for point in curve.val if point[3] >= target - 1e-12) for curve in curves]
    return fmean(point[0] for point in firsts), fmean(point[1] for point in firsts)
