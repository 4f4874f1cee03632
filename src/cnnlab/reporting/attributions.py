"""Which pixels an answer rests on, by four ways side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from cnnlab.reporting.answers import shown_prob
from cnnlab.reporting.canvas import (
    GREY,
    VERMILION,
    Picture,
    drawable_names,
    new_figure,
    title_width,
    to_picture,
    write_title,
)
from cnnlab.reporting.place import drawable, new_sheet, show_on, write_at
from cnnlab.reporting.text import ENGLISH, Text, broken_into_lines

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Lengths in inches.
CELL, CAPTION, MARGIN, TITLE, HEADING, NOTE = 1.25, 0.44, 0.12, 0.45, 0.4, 0.52
NOTE_LETTERS = 105  # in a line
MAX_LETTERS = 40
HEADINGS = ("image", "saliency", "integrated", "grad_cam", "occlusion")


@dataclass(frozen=True)
class Attribution:
    """One image and four answers to which of its pixels count, for one class.

    Attributes:
        image: C x h x w, uint8, what the network sees.
        name: of the image.
        explained: the class that the pixels speak for.
        prob: its probability.
        true: the label, where it is known.
        saliency: h x w, at least 0.
        integrated: h x w, of both signs.
        grad_cam: h x w, at least 0.
        occlusion: h x w, of both signs.
    """

    image: Tensor
    name: str
    explained: str
    prob: float
    true: str | None
    saliency: Tensor
    integrated: Tensor
    grad_cam: Tensor
    occlusion: Tensor


def attributions_picture(
    rows: Sequence[Attribution], class_names: Sequence[str], *, title: str = "", text: Text = ENGLISH
) -> Picture:
    """Draw a line for each image, and what each way says of it; how to read it, where there is a title."""
    width = max(len(HEADINGS) * CELL, title_width(title)) + 2 * MARGIN
    above = TITLE if title else MARGIN
    height = above + HEADING + len(rows) * (CELL + CAPTION) + (NOTE if title else 0.0)
    drawn = dict(zip(class_names, drawable_names(class_names), strict=True))
    with new_figure(width, height) as figure:
        write_title(figure, title, y=1 - 0.1 / height)
        for column, heading in enumerate(HEADINGS):
            words = text(f"pictures.{heading}")
            write_at(figure, MARGIN + column * CELL, above + 0.05, words, fontsize=9, fontweight="bold")
        sheet = new_sheet(figure)
        for index, row in enumerate(rows):
            top = above + HEADING + index * (CELL + CAPTION)
            _draw_row(figure, sheet, row, top, drawn, text)
        if title:
            note = broken_into_lines(text("pictures.colours"), NOTE_LETTERS)
            write_at(figure, MARGIN, height - NOTE + 0.08, note, fontsize=7.5, color=GREY)
        answers = "; ".join(f"{row.name}: {row.explained}" for row in rows)
        return to_picture(figure, alt=text("pictures.pixels_alt", answers=answers))


def _draw_row(
    figure: "Figure", sheet: "Axes", row: Attribution, top: float, drawn: Mapping[str, str], text: Text
) -> None:
    side = CELL - 0.08
    grey = drawable(row.image.float().mean(0, keepdim=True).div(255))
    for column in range(len(HEADINGS)):
        place = (MARGIN + column * CELL, top, side, side)
        if column == 0:
            show_on(sheet, drawable(row.image), *place)
        elif column == 1:
            show_on(sheet, row.saliency.numpy(), *place, cmap="inferno", vmin=None, vmax=None)
        elif column == 3:
            show_on(sheet, grey, *place)
            seen = row.grad_cam / row.grad_cam.max().clamp_min(1e-12)
            show_on(sheet, seen.numpy(), *place, cmap="inferno", alpha=0.65)
        else:
            values = (row.integrated if column == 2 else row.occlusion).numpy()
            largest = max(float(np.abs(values).max()), 1e-12)
            show_on(sheet, values, *place, cmap="RdBu_r", vmin=-largest, vmax=largest)
    is_wrong = row.true is not None and row.true != row.explained
    style = {"fontsize": 9, "color": VERMILION if is_wrong else "black"}
    sure = text("pictures.sure", prob=shown_prob(row.prob))
    write_at(figure, MARGIN, top + side + 0.03, text.join([drawn[row.explained], sure]), **style)
    below = text("pictures.true", name=drawn[row.true]) if row.true is not None else row.name
    if len(below) > MAX_LETTERS:  # files of one folder differ at their ends
        below = f"…{below[-MAX_LETTERS + 1 :]}"
    write_at(figure, MARGIN, top + side + 0.19, below, fontsize=8.5, color=GREY)
