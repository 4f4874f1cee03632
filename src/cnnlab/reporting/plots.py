"""Pictures of a run as PNG bytes: learning curves, and sample images with the network's answers.

The only file that imports matplotlib, and only when something is drawn.
"""

import io
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from cnnlab.reporting.samples import choose_samples
from cnnlab.runs import RunFolder

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DPI = 150
ACCURACY_TICKS = (0.0, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 1.0)
MAX_NAME = 16  # characters of a class name that fit below an image

# Lengths of the grid of samples, in inches.
NUM_COLUMNS, CELL, IMAGE, CAPTION, HEADING, TITLE = 6, 1.5, 1.3, 0.55, 0.4, 0.4

# M. Okabe, K. Ito, "Color Universal Design", 2008: told apart with any colour vision, and in grey.
BLUE, VERMILION, GREY = "#0072B2", "#D55E00", "#555555"
STYLE = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same picture everywhere
    "font.size": 9.0,
    "axes.titlesize": 10.0,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E4E4E4",
    "grid.linewidth": 0.7,
    "text.parse_math": False,  # a class may be called "$5"
}


def learning_curves(folder: RunFolder) -> bytes:
    """Draw loss and accuracy against the step, for train and val.

    The loss has a logarithmic axis where it falls by more than a factor of 5. The accuracy, once it passes
    90 %, has one on which equal factors of the error are about equal distances: 99 and 99.5 % lie apart.

    Raises:
        RunError: a file of the run is damaged.
    """
    lines = folder.read_metrics()
    losses = [line["loss"] for line in lines]
    with _figure(9.0, 3.9, layout="constrained") as figure:
        _title(figure, run_title(folder))
        loss_axes, top1_axes = figure.subplots(1, 2)
        loss_axes.set_title("Loss (cross-entropy, nats)")
        top1_axes.set_title("Accuracy (top-1, %)")
        if losses and max(losses) > 5 * min(losses) > 0:
            loss_axes.set_yscale("log")
        _scale_accuracy(top1_axes, [line["top1"] for line in lines])
        for axes, field, form in ((loss_axes, "loss", "{:.3g}"), (top1_axes, "top1", "{:.2%}")):
            _draw_curves(axes, lines, field, form)
        note = "train: mean over the steps since the point before, with augmentation and dropout on"
        figure.supxlabel(note, x=0.01, ha="left", fontsize=7.5, color=GREY)
        return _png(figure)


def sample_predictions(
    images: Tensor, labels: Tensor, probs: Tensor, class_names: Sequence[str], *, title: str = ""
) -> bytes:
    """Draw the images that `choose_samples` chooses, each with predicted and true label and confidence.

    Args:
        images: N x C x H x W, uint8, C is 1 or 3.
        labels: N, int64.
        probs: N x num_classes.
        class_names: what the labels stand for.
        title: what classified them.
    """
    samples = choose_samples(labels, probs)
    num_images, num_wrong = samples.num_images, samples.num_wrong
    right = f"Right: {num_images - num_wrong:,} of {num_images:,} test images; shown: the first of each class"
    wrong = f"Wrong: {num_wrong:,} of {num_images:,} test images; shown: the most confident"
    blocks = [(right, samples.right), (wrong, samples.wrong)]
    names = [_shortened(name) for name in drawable_names(class_names)]
    num_rows = [math.ceil(len(chosen) / NUM_COLUMNS) for _, chosen in blocks]
    width = NUM_COLUMNS * CELL
    height = TITLE + sum(HEADING + rows * (CELL + CAPTION) for rows in num_rows)
    with _figure(width, height) as figure:
        _title(figure, title or "Test images", y=1 - 0.1 / height)
        top = height - TITLE
        for heading, chosen in blocks:
            figure.text(0.01, (top - 0.12) / height, heading, fontsize=10, va="top")
            top -= HEADING
            for place, index in enumerate(chosen):
                row, column = divmod(place, NUM_COLUMNS)
                left = column * CELL + (CELL - IMAGE) / 2
                bottom = top - row * (CELL + CAPTION) - IMAGE
                axes = figure.add_axes((left / width, bottom / height, IMAGE / width, IMAGE / height))
                predicted = int(probs[index].argmax())
                true = int(labels[index])
                _draw_image(axes, images[index], is_right=predicted == true)
                sure = f"{float(probs[index, predicted]):.1%} sure"
                _write_answer(axes, names[predicted], names[true], sure, is_right=predicted == true)
            top -= math.ceil(len(chosen) / NUM_COLUMNS) * (CELL + CAPTION)
        return _png(figure)


def drawable_names(names: Sequence[str]) -> list[str]:
    """Return names that the font can draw: a name with a letter that it lacks becomes `class 3`."""
    from matplotlib import font_manager

    font = font_manager.get_font(font_manager.findfont("DejaVu Sans"))

    def is_drawable(name: str) -> bool:
        return name.isprintable() and all(font.get_char_index(ord(letter)) for letter in name)

    return [name if is_drawable(name) else f"class {index}" for index, name in enumerate(names)]


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
    axes.set_xlabel("Step" if ends else "Step (nothing was logged)")
    if not ends:
        return
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


def _scale_accuracy(axes: "Axes", values: Sequence[float]) -> None:
    """Stretch the accuracies near 1: there the height is the inverse hyperbolic sine of the error."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.4g}"))
    if not values or max(values) <= 0.9:
        return
    unit = min(max(1 - max(values), 0.002), 0.02)
    forward, backward = lambda top1: -np.arcsinh((1 - top1) / unit), lambda y: 1 - unit * np.sinh(-y)
    axes.set_yscale("function", functions=(forward, backward))
    # Ticks that would touch are left out: heights are fractions of the axis.
    low = forward(min(values))
    ticks = [1.0]
    for tick in ACCURACY_TICKS[-2::-1]:
        if tick >= min(values) and (forward(ticks[-1]) - forward(tick)) / -low > 0.06:
            ticks.append(tick)
    axes.yaxis.set_major_locator(FixedLocator(ticks))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_ylim(min(values) - 0.02, 1.0)


def _draw_image(axes: "Axes", image: Tensor, *, is_right: bool) -> None:
    pixels = image.permute(1, 2, 0).numpy()  # H x W x C
    pixels = pixels[:, :, 0] if pixels.shape[2] == 1 else pixels
    axes.imshow(pixels, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    axes.set(xticks=[], yticks=[])
    axes.grid(False)
    axes.spines[:].set(
        visible=True, color=GREY if is_right else VERMILION, linewidth=0.6 if is_right else 2.5
    )


def _write_answer(axes: "Axes", predicted: str, true: str, sure: str, *, is_right: bool) -> None:
    sign, colour = ("✓", "black") if is_right else ("✗", VERMILION)
    lines = [
        (f"{sign} {predicted}", colour, "bold"),
        (f"true: {true}", "black", "normal"),
        (sure, GREY, "normal"),
    ]
    for number, (text, shade, weight) in enumerate(lines):
        below = (4 + 10.5 * number) / 72 / IMAGE
        style = {"color": shade, "fontweight": weight, "fontsize": 8, "ha": "center", "va": "top"}
        axes.text(0.5, -below, text, transform=axes.transAxes, **style)


def run_title(folder: RunFolder) -> str:
    """Return what ran, and what it reached if it is evaluated."""
    config, evaluation = folder.config, folder.evaluation
    data = evaluation["data"] if evaluation else config.data.name.rstrip("/").rpartition("/")[2]
    title = f"{config.recipe or config.model.name} on {data}, seed {config.seed}"
    return f"{title}: test {evaluation['top1']:.2%}" if evaluation else title


def _title(figure: "Figure", text: str, *, y: float = 0.98) -> None:
    text = "".join(drawable if len(drawable) == 1 else "?" for drawable in drawable_names(text))
    figure.suptitle(text, x=0.01, y=y, ha="left", va="top", fontsize=12, fontweight="bold")


def _shortened(name: str) -> str:
    return name if len(name) <= MAX_NAME else f"{name[: MAX_NAME - 1]}…"


@contextmanager
def _figure(width: float, height: float, **settings: Any) -> Iterator["Figure"]:
    """Give an empty figure in our style; lengths in inches. No window, no global state is touched."""
    from matplotlib import style
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with style.context(STYLE, after_reset=True):
        figure = Figure((width, height), dpi=DPI, **settings)
        FigureCanvasAgg(figure)
        yield figure


def _png(figure: "Figure") -> bytes:
    """Return the picture; the same bytes for the same figure and versions."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return buffer.getvalue()
