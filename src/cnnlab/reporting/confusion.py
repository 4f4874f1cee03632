"""The confusion matrix of a run's test images as one picture."""

from collections.abc import Sequence

import numpy as np

from cnnlab.reporting.canvas import GREY, drawable_names, new_figure, title_width, to_png, write_title

MAX_WRITTEN = 20
"""Classes whose counts are written into the cells and whose names stand beside them; more would overlap."""

# Lengths in inches.
CELL, SMALL_CELL, TITLE, MARGIN = 0.42, 0.06, 0.5, 0.2
LABEL, LETTER = 0.5, 0.09
MAX_NAME = 12  # letters


def confusion_picture(matrix: Sequence[Sequence[int]], class_names: Sequence[str], *, title: str) -> bytes:
    """Draw a confusion matrix as PNG, each row by its own sum: the darker a cell, the larger its share.

    Args:
        matrix: images by true class (rows) and predicted class (columns).
        class_names: in the order of rows and columns.
        title: what stands above.
    """
    counts = np.asarray(matrix, dtype=float)
    num = len(counts)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    is_written = num <= MAX_WRITTEN
    names = [f"{name[:MAX_NAME]}…" if len(name) > MAX_NAME else name for name in class_names]
    side = num * CELL if is_written else max(num * SMALL_CELL, 4.0)
    beside = LABEL + LETTER * max(map(len, names))  # left of the cells and below them
    width = max(beside + side + MARGIN, title_width(title) + MARGIN)
    height = TITLE + side + beside
    with new_figure(width, height) as figure:
        write_title(figure, title, y=1 - 0.1 / height)
        axes = figure.add_axes((beside / width, beside / height, side / width, side / height))
        axes.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0, interpolation="nearest")
        axes.grid(False)
        axes.set_xlabel("predicted")
        axes.set_ylabel("true")
        if is_written:
            axes.set_xticks(range(num), drawable_names(names), rotation=90)
            axes.set_yticks(range(num), drawable_names(names))
            for row, column in zip(*counts.nonzero(), strict=True):
                colour = "white" if shares[row, column] > 0.5 else GREY
                text = f"{counts[row, column]:.0f}"
                axes.text(column, row, text, color=colour, ha="center", va="center", fontsize=7)
        return to_png(figure)
