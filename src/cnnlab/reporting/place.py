"""Axes and images placed in inches from the upper left corner.

An axes of its own costs matplotlib some 20 ms: where there are many images, all stand in one, the sheet.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def place_axes(figure: "Figure", left: float, top: float, width: float, height: float) -> "Axes":
    """Return axes without ticks; lengths in inches."""
    whole_width, whole_height = figure.get_size_inches()
    bottom = whole_height - top - height
    axes = figure.add_axes(
        (left / whole_width, bottom / whole_height, width / whole_width, height / whole_height)
    )
    axes.set_axis_off()
    return axes


def new_sheet(figure: "Figure") -> "Axes":
    """Return axes as large as the figure, whose units are inches from the upper left corner."""
    width, height = figure.get_size_inches()
    sheet = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    sheet.set_axis_off()
    sheet.set(xlim=(0.0, width), ylim=(height, 0.0), autoscale_on=False)
    return sheet


def show_on(
    sheet: "Axes", pixels: np.ndarray, left: float, top: float, width: float, height: float, **options: Any
) -> None:
    """Draw pixels on a sheet, as `show` does; lengths in inches."""
    show(sheet, pixels, extent=(left, left + width, top + height, top), aspect="auto", **options)


def write_at(figure: "Figure", left: float, top: float, text: str, **font: Any) -> None:
    """Write a text whose upper left corner lies there; lengths in inches."""
    width, height = figure.get_size_inches()
    figure.text(left / width, 1 - top / height, text, **{"va": "top", **font})


def drawable(image: Tensor) -> np.ndarray:
    """Return an image, C x H x W, uint8 or in [0, 1], as H x W or H x W x 3 in [0, 1]."""
    levels = image.float() / 255 if not image.is_floating_point() else image
    pixels = levels.clamp(0.0, 1.0).permute(1, 2, 0).numpy()
    return pixels[:, :, 0] if pixels.shape[2] == 1 else pixels


def show(axes: "Axes", pixels: np.ndarray, **options: Any) -> None:
    """Draw pixels as they are, grey ones from black to white."""
    axes.imshow(pixels, **{"cmap": "gray", "vmin": 0.0, "vmax": 1.0, "interpolation": "nearest", **options})
