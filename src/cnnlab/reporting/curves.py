"""Learning curves: loss and accuracy against the step."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cnnlab.reporting.canvas import BLUE, DPI, GREY, VERMILION, new_figure, run_title, to_png, write_title
from cnnlab.runs import RunFolder

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ACCURACY_TICKS = (0.0, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 1.0)


def learning_curves(folder: RunFolder, *, test_top1: float | None = None) -> bytes:
    """Draw loss and accuracy against the step, for train and val.

    The loss has a logarithmic axis where it falls by more than a factor of 5. The accuracy, once it passes
    90 %, has one on which equal factors of the error are about equal distances: 99 and 99.5 % lie apart.

    Args:
        folder: the run.
        test_top1: test accuracy for the title, as a fraction, where eval.json is not there yet.

    Raises:
        RunError: a file of the run is damaged.
    """
    lines = folder.read_metrics()
    with new_figure(9.0, 3.9) as figure:
        write_title(figure, run_title(folder, test_top1=test_top1))
        loss_axes, top1_axes = figure.subplots(1, 2)
        figure.subplots_adjust(left=0.06, right=0.9, top=0.81, bottom=0.19, wspace=0.42)
        loss_axes.set_title("Loss (cross-entropy, nats)")
        _scale_loss(loss_axes, [line["loss"] for line in lines])
        top1_axes.set_title("Accuracy (top-1, %)")
        _scale_accuracy(top1_axes, [line["top1"] for line in lines])
        for axes, field, form in ((loss_axes, "loss", "{:.3g}"), (top1_axes, "top1", "{:.2%}")):
            _draw_curves(axes, lines, field, form)
        train, augment = folder.config.train, folder.config.data.augment
        note = curves_note(
            train.label_smoothing,
            is_mixed=bool(augment.mixup or augment.cutmix),
            is_weighted=train.class_weights != "none",
            is_balanced=train.sampling != "shuffled",
        )
        figure.text(0.01, 0.02, note, fontsize=7.5, color=GREY)
        return to_png(figure)


def curves_note(
    label_smoothing: float, *, is_mixed: bool = False, is_weighted: bool = False, is_balanced: bool = False
) -> str:
    """Return what, besides their images, tells the curves of train and val apart.

    Args:
        label_smoothing: of the training loss.
        is_mixed: mixup or CutMix is on.
        is_weighted: the training loss weighs classes.
        is_balanced: training sees all classes equally often.
    """
    note = "train: mean over the steps since the point before, with augmentation and dropout on"
    if label_smoothing:
        note += f"; its loss with label smoothing {label_smoothing:g}, that of val without"
    special = [
        "its images are mixed, right is the label of the larger share" if is_mixed else "",
        "its loss weighs classes, that of val does not" if is_weighted else "",
        "its classes come equally often" if is_balanced else "",
    ]
    return "\n".join([note, *(["train: " + "; ".join(filter(None, special))] if any(special) else [])])


def _draw_curves(axes: "Axes", lines: Sequence[dict[str, Any]], field: str, form: str) -> None:
    """Draw one figure of both splits, each labelled at its end with its last value."""
    ends = []
    for split, colour, marker in (("train", BLUE, ""), ("val", VERMILION, "o")):
        points = [(line["step"], line[field]) for line in lines if line["split"] == split]
        if not points:
            continue
        steps, values = zip(*points, strict=True)
        marker = marker or ("s" if len(points) < 3 else "")
        size = 4.0 if len(points) <= 40 else 2.0
        axes.plot(steps, values, color=colour, marker=marker, markersize=size, linewidth=1.4)
        ends.append((values[-1], steps[-1], f"{split} {form.format(values[-1])}", colour))
    if not ends:
        axes.set_xlabel("Step (nothing was logged)")
        return
    axes.set_xlabel(f"Step ({lines[-1]['step'] / lines[-1]['epoch']:.0f} per epoch)")
    axes.set_xlim(left=0)
    axes.figure.draw_without_rendering()  # pyright: ignore[reportAttributeAccessIssue]
    heights = [axes.transData.transform((step, value))[1] * 72 / DPI for value, step, _, _ in ends]
    for (value, step, text, colour), shift in zip(ends, _apart(heights, 11.0), strict=True):
        place = {
            "xytext": (6, shift),
            "textcoords": "offset points",
            "va": "center",
            "annotation_clip": False,
        }
        axes.annotate(text, (step, value), color=colour, fontweight="bold", fontsize=8, **place)


def _apart(heights: Sequence[float], gap: float) -> list[float]:
    """Return by how much to move two labels at these heights so that they do not overlap."""
    if len(heights) < 2 or abs(heights[1] - heights[0]) >= gap:
        return [0.0] * len(heights)
    missing = (gap - abs(heights[1] - heights[0])) / 2
    return [missing, -missing] if heights[0] > heights[1] else [-missing, missing]


def _scale_loss(axes: "Axes", values: Sequence[float]) -> None:
    """Make the axis logarithmic if the values need it."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    if values and max(values) > 5 * min(values) > 0:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.4g}"))


def _scale_accuracy(axes: "Axes", values: Sequence[float]) -> None:
    """Stretch the accuracies near 1, if there are any: the height is the asinh of the error."""
    from matplotlib.ticker import FixedLocator, FuncFormatter

    if values and max(values) > 0.9:
        unit = min(max(1 - max(values), 0.002), 0.02)

        def height(top1: Any) -> Any:
            return -np.arcsinh((1 - top1) / unit)

        lowest = max(0.0, min(values) - 0.02)
        ticks = [1.0]
        for tick in reversed(ACCURACY_TICKS):
            # Ticks that would touch the one above are left out.
            if tick >= lowest and height(tick) - height(ticks[-1]) < 0.06 * height(lowest):
                ticks.append(tick)
        axes.set_yscale("function", functions=(height, lambda y: 1 - unit * np.sinh(-y)))
        axes.set_ylim(lowest, 1.0)
        axes.yaxis.set_major_locator(FixedLocator(ticks))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.4g}"))
