"""What pre-training taught the first layer: its filters, and images as it restores them."""

import math
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from cnnlab.reporting.canvas import GREY, new_figure, text_width, title_width, to_png, write_title
from cnnlab.runs import Pretraining

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

METHODS = {"autoencoder": "denoising auto-encoder", "rbm": "restricted Boltzmann machine"}
MAX_FILTERS = 64
DRAWN_IN_FULL = 0.95
"""Share of the weights that are not cut to black or white: a few large ones would make all others grey."""

# Lengths of the pictures, in inches.
SIDE, TITLE, HEADING, NOTE, IMAGE, LABEL = 3.6, 0.45, 0.2, 0.2, 0.8, 1.0
NOTE_SIZE = 7.5  # points

# Pixels of a mosaic: how often a filter's own pixel is repeated, and what lies between two filters.
ENLARGED, GAP = 12, 6
PALE_BLUE = (0.85, 0.9, 0.97)  # what lies there: no filter's black, grey or white


def filters_picture(pretraining: Pretraining, *, title: str) -> bytes:
    """Draw the first layer's filters before and after pre-training, light where a weight is positive.

    Each half has a scale of its own, symmetric about 0; filters of three channels are drawn in colour.
    """
    before, after = pretraining.pictures["filters before"], pretraining.pictures["filters after"]
    num = len(after)
    what = METHODS[pretraining.record.method]
    shown = f"all {num}" if num <= MAX_FILTERS else f"the first {MAX_FILTERS} of {num}"
    width, height = 2 * SIDE + 0.4, TITLE + HEADING + SIDE * _num_rows(num) / _num_columns(num) + NOTE
    with new_figure(width, height) as figure:
        write_title(figure, title, y=1 - 0.1 / height)
        for left, tensor, heading in (
            (0.1, before, "Before: starting weights"),
            (SIDE + 0.3, after, f"After: {what}"),
        ):
            tall = SIDE * _num_rows(num) / _num_columns(num)
            axes = _place(figure, left, TITLE + HEADING, SIDE, tall)
            axes.imshow(_mosaic(tensor[:MAX_FILTERS]))
            axes.set_title(heading, pad=4)
        layer, size = pretraining.record.layers[0].layer, " x ".join(map(str, after.shape[2:]))
        note = f"{layer}: {shown} filters of {size}; grey is 0, black and white the largest 5 % of each half"
        figure.text(0.1 / width, 0.06 / height, note, fontsize=NOTE_SIZE, color=GREY)
        return to_png(figure)


def restored_picture(pretraining: Pretraining, *, title: str) -> bytes:
    """Draw validation images, what the first layer was shown of them, and what it made of that.

    Errors of all layers stand below.
    """
    names = {"originals": "image", "corrupted": "corrupted", "restored": "restored"}
    if pretraining.record.method == "rbm":
        del names["corrupted"]  # it is shown the image
    num = len(pretraining.pictures["originals"])
    lines = [
        f"{layer.layer}: error {layer.error_before:.3f} before, {layer.error:.3f} after"
        for layer in pretraining.record.layers
    ]
    note = "Mean squared error of what each layer restores of its input, as a share of the input's variance"
    rows = [note, *("     ".join(lines[start : start + 3]) for start in range(0, len(lines), 3))]
    texts = [title_width(title), *(text_width(text, fontsize=NOTE_SIZE) for text in rows)]
    width = max(LABEL + num * IMAGE, max(texts) + 0.2) + 0.1  # few images are narrower than what is said
    height = TITLE + len(names) * IMAGE + 0.1 + NOTE * (math.ceil(len(lines) / 3) + 1)
    with new_figure(width, height) as figure:
        write_title(figure, title, y=1 - 0.1 / height)
        for row, (name, label) in enumerate(names.items()):
            top = TITLE + row * IMAGE
            y = 1 - (top + IMAGE / 2) / height
            figure.text((LABEL - 0.12) / width, y, label, ha="right", va="center")
            for column, image in enumerate(pretraining.pictures[name]):
                axes = _place(figure, LABEL + column * IMAGE, top, IMAGE - 0.06, IMAGE - 0.06)
                axes.imshow(_drawable(image), cmap="gray", vmin=0.0, vmax=1.0, interpolation="nearest")
        for place, text in enumerate(reversed(rows)):
            figure.text(0.1 / width, (0.07 + NOTE * place) / height, text, fontsize=NOTE_SIZE, color=GREY)
        return to_png(figure)


def _place(figure: "Figure", left: float, top: float, width: float, height: float) -> "Axes":
    """Return axes without ticks, placed in inches from the upper left corner."""
    whole_width, whole_height = figure.get_size_inches()
    bottom = whole_height - top - height
    axes = figure.add_axes(
        (left / whole_width, bottom / whole_height, width / whole_width, height / whole_height)
    )
    axes.set_axis_off()
    return axes


def _mosaic(filters: Tensor) -> np.ndarray:
    """Return the filters as one picture in [0, 1], H x W x 3."""
    num, (height, width) = len(filters), (size * ENLARGED + GAP for size in filters.shape[2:])
    largest = max(float(filters.abs().flatten().quantile(DRAWN_IN_FULL)), float(np.finfo(np.float32).tiny))
    rows, columns = _num_rows(num), _num_columns(num)
    picture = np.full((rows * height - GAP, columns * width - GAP, 3), PALE_BLUE)
    for index, tensor in enumerate(filters):
        levels = (0.5 + tensor / (2 * largest)).clamp(0.0, 1.0)
        tile = levels.permute(1, 2, 0).numpy()  # h x w x C
        tile = tile.repeat(ENLARGED, axis=0).repeat(ENLARGED, axis=1)
        top, left = index // columns * height, index % columns * width
        picture[top : top + tile.shape[0], left : left + tile.shape[1]] = tile
    return picture


def _drawable(image: Tensor) -> np.ndarray:
    """Return an image, C x H x W, as H x W or H x W x 3 in [0, 1]."""
    pixels = image.clamp(0.0, 1.0).permute(1, 2, 0).numpy()
    return pixels[:, :, 0] if pixels.shape[2] == 1 else pixels


def _num_columns(num: int) -> int:
    return min(8, min(num, MAX_FILTERS))


def _num_rows(num: int) -> int:
    return math.ceil(min(num, MAX_FILTERS) / _num_columns(num))
