"""Sample test images with the network's answers."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor

from cnnlab.reporting.canvas import (
    GREY,
    VERMILION,
    Picture,
    drawable_names,
    new_figure,
    to_picture,
    to_png,
    write_title,
)
from cnnlab.reporting.place import drawable, new_sheet, show_on, write_at
from cnnlab.reporting.samples import choose_samples
from cnnlab.reporting.text import ENGLISH, Text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_NAME = 16  # characters of a class name that fit below an image

# Lengths of the grid, in inches.
NUM_COLUMNS, CELL, IMAGE, CAPTION, HEADING, TITLE = 6, 1.5, 1.3, 0.55, 0.4, 0.4


@dataclass(frozen=True)
class Block:
    """Some images under one heading.

    Attributes:
        heading: what they have in common.
        indices: which of the images.
    """

    heading: str
    indices: Sequence[int]


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
    num_right = num_images - num_wrong
    right = f"Right: {num_right:,} of {num_images:,} test images; shown: the first of each class in turn"
    wrong = f"Wrong: {num_wrong:,} of {num_images:,} test images; shown: the most confident ones"
    blocks = [Block(right, samples.right), Block(wrong, samples.wrong)]
    with answers_figure(images, labels, probs, class_names, blocks, title=title) as figure:
        return to_png(figure)


def answers_picture(
    images: Tensor,
    labels: Tensor,
    probs: Tensor,
    class_names: Sequence[str],
    blocks: Sequence[Block],
    *,
    title: str = "",
    text: Text = ENGLISH,
) -> Picture:
    """Draw images by blocks, each with predicted and true label and confidence, in both forms."""
    with answers_figure(images, labels, probs, class_names, blocks, title=title, text=text) as figure:
        return to_picture(figure, alt="; ".join(f"{block.heading}" for block in blocks) + ".")


@contextmanager
def answers_figure(
    images: Tensor,
    labels: Tensor,
    probs: Tensor,
    class_names: Sequence[str],
    blocks: Sequence[Block],
    *,
    title: str = "",
    text: Text = ENGLISH,
) -> Iterator["Figure"]:
    """Give a figure of images by blocks; arguments as `sample_predictions` takes them."""
    names = [_shortened(name) for name in drawable_names(class_names)]
    num_rows = [math.ceil(len(block.indices) / NUM_COLUMNS) for block in blocks]
    width = NUM_COLUMNS * CELL
    height = TITLE + sum(HEADING + rows * (CELL + CAPTION) for rows in num_rows)
    with new_figure(width, height) as figure:
        write_title(figure, title or text("pictures.test_images"), y=1 - 0.1 / height)
        figure.text(
            0.99, 1 - 0.13 / height, text("pictures.below"), fontsize=7.5, color=GREY, ha="right", va="top"
        )
        sheet = new_sheet(figure)
        top = TITLE
        for block in blocks:
            write_at(figure, 0.01 * width, top + 0.12, block.heading, fontsize=10)
            top += HEADING
            for place, index in enumerate(block.indices):
                row, column = divmod(place, NUM_COLUMNS)
                corner = column * CELL + (CELL - IMAGE) / 2, top + row * (CELL + CAPTION)
                predicted = int(probs[index].argmax())
                true = int(labels[index])
                _draw_image(sheet, images[index], *corner, is_right=predicted == true)
                prob = float(probs[index, predicted])
                sure = text("pictures.sure", prob=shown_prob(prob))
                answer = names[predicted], text("pictures.true", name=names[true]), sure
                _write_answer(figure, *corner, answer, is_right=predicted == true)
            top += math.ceil(len(block.indices) / NUM_COLUMNS) * (CELL + CAPTION)
        yield figure


def shown_prob(prob: float, *, digits: int = 1) -> str:
    """Return a probability in per cent; what would be rounded to certainty is not called so."""
    last = 10.0 ** -(digits + 2)
    return f"{prob:.{digits}%}" if prob < 1 - last / 2 else f"> {1 - last:.{digits}%}"


def _draw_image(sheet: "Axes", image: Tensor, left: float, top: float, *, is_right: bool) -> None:
    from matplotlib.patches import Rectangle

    show_on(sheet, drawable(image), left, top, IMAGE, IMAGE)
    frame = {"edgecolor": GREY if is_right else VERMILION, "linewidth": 0.6 if is_right else 2.5}
    sheet.add_patch(Rectangle((left, top), IMAGE, IMAGE, fill=False, clip_on=False, zorder=2.5, **frame))


def _write_answer(
    figure: "Figure", left: float, top: float, answer: tuple[str, str, str], *, is_right: bool
) -> None:
    sign, colour = ("✓", "black") if is_right else ("✗", VERMILION)
    predicted, true, sure = answer
    lines = [
        (f"{sign} {predicted}", colour, "bold"),
        (true, "black", "normal"),
        (sure, GREY, "normal"),
    ]
    for number, (text, shade, weight) in enumerate(lines):
        below = top + IMAGE + (4 + 10.5 * number) / 72
        style = {"color": shade, "fontweight": weight, "fontsize": 8, "ha": "center"}
        write_at(figure, left + IMAGE / 2, below, text, **style)


def _shortened(name: str) -> str:
    """Return a name that fits below its image; a Chinese letter takes the room of two Latin ones."""
    widths = [2 if ord(letter) >= 0x2E80 else 1 for letter in name]
    if sum(widths) <= MAX_NAME:
        return name
    most = max(index for index in range(len(name)) if sum(widths[:index]) < MAX_NAME)
    return f"{name[:most]}…"
