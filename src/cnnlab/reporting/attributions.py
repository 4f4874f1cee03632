"""Which pixels an answer rests on, by four ways side by side."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

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
from cnnlab.reporting.place import drawable, place_axes, show, write_at

# Lengths in inches.
CELL, CAPTION, MARGIN, TITLE, HEADING, NOTE = 1.25, 0.42, 0.12, 0.45, 0.36, 0.52
HEADINGS = ("image", "saliency", "integrated\ngradients", "Grad-CAM", "occlusion")


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


def attributions_picture(rows: Sequence[Attribution], *, title: str) -> Picture:
    """Draw a line for each image: it, and what each way says of it."""
    width = max(len(HEADINGS) * CELL, title_width(title)) + 2 * MARGIN
    height = TITLE + HEADING + len(rows) * (CELL + CAPTION) + NOTE
    with new_figure(width, height) as figure:
        write_title(figure, title, y=1 - 0.1 / height)
        for column, heading in enumerate(HEADINGS):
            write_at(figure, MARGIN + column * CELL, TITLE + 0.05, heading, fontsize=8, fontweight="bold")
        for index, row in enumerate(rows):
            top = TITLE + HEADING + index * (CELL + CAPTION)
            _draw_row(figure, row, top)
        note = (
            "saliency: the logit's gradient; integrated gradients, occlusion: red speaks for the class,\n"
            "blue against it; Grad-CAM: where the last maps speak for it. Each picture has its own scale."
        )
        write_at(figure, MARGIN, height - NOTE + 0.08, note, fontsize=7.5, color=GREY)
        answers = "; ".join(f"{row.name}: {row.explained}" for row in rows)
        return to_picture(figure, alt=f"Which pixels these answers rest on: {answers}.")


def _draw_row(figure, row: Attribution, top: float) -> None:
    side = CELL - 0.08
    grey = drawable(row.image.float().mean(0, keepdim=True).div(255))
    for column in range(len(HEADINGS)):
        axes = place_axes(figure, MARGIN + column * CELL, top, side, side)
        if column == 0:
            show(axes, drawable(row.image))
        elif column == 1:
            show(axes, row.saliency.numpy(), cmap="inferno", vmin=None, vmax=None)
        elif column == 3:
            show(axes, grey)
            seen = row.grad_cam / row.grad_cam.max().clamp_min(1e-12)
            show(axes, seen.numpy(), cmap="inferno", alpha=0.65)
        else:
            values = (row.integrated if column == 2 else row.occlusion).numpy()
            largest = max(float(np.abs(values).max()), 1e-12)
            show(axes, values, cmap="RdBu_r", vmin=-largest, vmax=largest)
    explained, true = drawable_names([row.explained, row.true or ""])
    is_wrong = row.true is not None and row.true != row.explained
    style = {"fontsize": 7.5, "color": VERMILION if is_wrong else "black"}
    sure = f"{row.prob:.1%} sure" if row.prob < 0.9995 else "> 99.9% sure"
    write_at(figure, MARGIN, top + side + 0.03, f"{explained}, {sure}", **style)
    below = f"true: {true}" if row.true is not None else row.name
    write_at(figure, MARGIN, top + side + 0.18, below[:40], fontsize=7, color=GREY)
