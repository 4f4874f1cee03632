"""What is inside a network: the filters of its first convolution, and what each layer makes of an image."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from cnnlab.explain import LayerOutput
from cnnlab.reporting.canvas import GREY, Picture, new_figure, title_width, to_picture, write_title
from cnnlab.reporting.mosaic import centred_levels, mosaic, num_columns, num_rows
from cnnlab.reporting.place import drawable, new_sheet, place_axes, show_on, write_at
from cnnlab.reporting.text import ENGLISH, Text

MAX_FILTERS = 96
MAX_MAPS = 16  # of a layer
MAX_VALUES = 64  # of a dense layer
MAP_PIXELS = 57  # across, so that it is sharp at 150 an inch

# Lengths in inches.
MARGIN, TITLE, NOTE, FILTERS_WIDTH = 0.12, 0.5, 0.3, 6.0
MAP, LABEL, ROW_GAP, BAR, GAP = 0.42, 2.5, 0.08, 0.42, 0.04


def first_filters_picture(name: str, kernels: Tensor, *, title: str = "", text: Text = ENGLISH) -> Picture:
    """Draw the first convolution's kernels, light where a weight is positive; in colour for three channels.

    What is drawn is told below where there is a title, and by the picture's `alt` in any case.

    Args:
        name: the layer's.
        kernels: K x C x k x k; of other numbers of channels than 1 and 3 their mean is drawn.
        title: what stands above.
        text: the words in it.
    """
    num = min(len(kernels), MAX_FILTERS)
    if kernels.shape[1] not in (1, 3):
        kernels = kernels.mean(1, keepdim=True)
    levels = centred_levels(kernels[:num], in_full=0.98)
    most = 12 if num > 32 else 8
    tall = FILTERS_WIDTH * num_rows(num, most=most) / num_columns(num, most=most)
    size = " x ".join(map(str, kernels.shape[2:]))
    which = "all_filters" if num == len(kernels) else "first_filters"
    note = text(f"pictures.{which}", layer=name, num=num, total=len(kernels), size=size)
    width = max(FILTERS_WIDTH, title_width(title)) + 2 * MARGIN
    above = TITLE if title else MARGIN
    below = NOTE if title else MARGIN
    with new_figure(width, above + tall + below) as figure:
        write_title(figure, title, y=1 - 0.1 / (above + tall + below))
        axes = place_axes(figure, MARGIN, above, FILTERS_WIDTH, tall)
        axes.imshow(mosaic(levels, columns=num_columns(num, most=most), enlarged=8, gap=4))
        if title:
            write_at(figure, MARGIN, above + tall + 0.08, note, fontsize=7.5, color=GREY)
        return to_picture(figure, alt=note)


def activations_picture(
    image: Tensor, layers: Sequence[LayerOutput], *, title: str, text: Text = ENGLISH
) -> Picture:
    """Draw an image and, line by line, what each layer makes of it.

    Args:
        image: C x H x W, uint8.
        layers: what `activations` returned; of a layer's maps the first 16 are drawn, each from its own least
            value, black, to its largest, white.
        title: what stands above.
        text: the words in it.
    """
    width = max(LABEL + MAX_MAPS * MAP + 2 * MARGIN, title_width(title) + 2 * MARGIN)
    height = TITLE + 3 * MAP + ROW_GAP + len(layers) * (MAP + ROW_GAP) + NOTE
    with new_figure(width, height) as figure:
        write_title(figure, title, y=1 - 0.1 / height)
        write_at(figure, MARGIN, TITLE + 0.1, text("explain.layers_image"), fontsize=8)
        sheet = new_sheet(figure)
        show_on(sheet, drawable(image), LABEL, TITLE, 3 * MAP - GAP, 3 * MAP - GAP)
        top = TITLE + 3 * MAP + ROW_GAP
        for layer in layers:
            shape = " x ".join(map(str, layer.values.shape))
            write_at(figure, MARGIN, top + 0.04, layer.name, fontsize=7.5)
            write_at(figure, MARGIN, top + 0.2, f"{layer.kind}, {shape}", fontsize=6.5, color=GREY)
            if layer.values.dim() == 3 and layer.values[0].numel() > 1:
                maps = [_from_least_to_largest(values) for values in layer.values[:MAX_MAPS]]
                width_of_maps = len(maps) * MAP - GAP
                show_on(sheet, _side_by_side(torch.stack(maps)), LABEL, top, width_of_maps, MAP - GAP)
            else:
                bar = _from_least_to_largest(layer.values.flatten()[:MAX_VALUES])[None].numpy()
                show_on(sheet, bar, LABEL, top, MAX_MAPS * MAP - GAP, BAR - GAP)
            top += MAP + ROW_GAP
        note = text("explain.layers_note", maps=MAX_MAPS, values=MAX_VALUES)
        write_at(figure, MARGIN, height - NOTE + 0.06, note, fontsize=7.5, color=GREY)
        return to_picture(figure, alt=text("explain.layers_alt", num=len(layers)))


def _from_least_to_largest(values: Tensor) -> Tensor:
    low, high = values.min(), values.max()
    return (values - low) / (high - low) if high > low else torch.zeros_like(values)


def _side_by_side(maps: Tensor) -> np.ndarray:
    """Return maps, N x H x W, as one picture."""
    size = max(maps.shape[1:])
    enlarged = math.ceil(MAP_PIXELS / size)
    gap = round(size * enlarged * GAP / (MAP - GAP))
    return mosaic(maps[:, None], columns=len(maps), enlarged=enlarged, gap=gap)
