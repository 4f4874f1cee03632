"""Some images of each class, a row each: what a data set looks like."""

from collections.abc import Sequence

import torch
from torch import Tensor

from cnnlab.reporting.canvas import Picture, drawable_names, new_figure, text_width, to_picture
from cnnlab.reporting.place import drawable, place_axes, show, write_at
from cnnlab.reporting.text import ENGLISH, Text

MAX_CLASSES, IN_A_ROW = 12, 8
CELL, GAP, MARGIN = 0.46, 0.04, 0.08  # inches
FONT = {"fontsize": 8}
MAX_NAME = 18  # characters


def class_samples(
    images: Tensor, labels: Tensor, class_names: Sequence[str], *, text: Text = ENGLISH
) -> Picture:
    """Draw the first images of each class, in the order of the images; of many classes the first twelve.

    Args:
        images: N x C x H x W, uint8, C is 1 or 3.
        labels: N, int64.
        class_names: what the labels stand for.
        text: the words in it.
    """
    names = [name[:MAX_NAME] for name in drawable_names(class_names)][:MAX_CLASSES]
    channels, size = images.shape[1], images.shape[2]
    step = size + max(1, round(size * GAP / CELL))
    sheet = torch.full((channels, len(names) * step, IN_A_ROW * step), 255, dtype=torch.uint8)
    label = max(text_width(name, **FONT) for name in names) + 0.15
    width = 2 * MARGIN + label + IN_A_ROW * (CELL + GAP)
    with new_figure(width, 2 * MARGIN + len(names) * (CELL + GAP)) as figure:
        for row, name in enumerate(names):
            write_at(figure, MARGIN, MARGIN + row * (CELL + GAP) + CELL / 2 - 0.06, name, **FONT)
            for column, index in enumerate(torch.nonzero(labels == row).flatten()[:IN_A_ROW].tolist()):
                place = slice(row * step, row * step + size), slice(column * step, column * step + size)
                sheet[:, *place] = images[index]
        across, down = IN_A_ROW * (CELL + GAP), len(names) * (CELL + GAP)
        show(place_axes(figure, MARGIN + label, MARGIN, across, down), drawable(sheet), aspect="auto")
        return to_picture(figure, alt=text("pictures.samples_alt", names=text.join(list(class_names))))
