"""Images in the plane, coloured by class."""

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from cnnlab.reporting.canvas import GREY, Picture, drawable_names, new_figure, to_picture, write_title
from cnnlab.reporting.text import ENGLISH, Text

WIDTH, HEIGHT = 7.2, 5.2
MARKERS = "osD^v<>P*X"
# M. Okabe, K. Ito, "Color Universal Design", 2008, a grey and a brown
COLOURS = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#CC79A7",
    "#56B4E9",
    "#D55E00",
    "#000000",
    "#F0E442",
    "#888888",
    "#8C564B",
)
MAX_IN_LEGEND = 20


def image_map(
    places: np.ndarray,
    labels: Tensor,
    is_correct: Tensor,
    class_names: Sequence[str],
    *,
    title: str = "",
    note: str = "",
    text: Text = ENGLISH,
) -> Picture:
    """Draw a mark for each image, of its true class; mistakes have a ring.

    Args:
        places: N x 2.
        labels: N, the true classes.
        is_correct: N, bool.
        class_names: what the labels stand for.
        title: what stands above.
        note: how the places were found.
        text: the words in it.
    """
    names = drawable_names(class_names)
    with new_figure(WIDTH, HEIGHT) as figure:
        write_title(figure, title)
        axes = figure.add_axes((0.03, 0.09, 0.72, 0.81 if title else 0.89))
        axes.set(xticks=[], yticks=[])
        axes.grid(False)
        axes.spines[:].set_visible(False)
        for index, name in enumerate(names):
            chosen = (labels == index).numpy()
            style = {"s": 11, "linewidths": 0, "alpha": 0.75, "marker": MARKERS[index % len(MARKERS)]}
            label = name[:18] if index < MAX_IN_LEGEND else None
            axes.scatter(*places[chosen].T, color=COLOURS[index % len(COLOURS)], label=label, **style)
        wrong = ~is_correct.numpy()
        axes.scatter(
            *places[wrong].T,
            s=46,
            facecolors="none",
            edgecolors="#D00000",
            linewidths=0.9,
            label=text("pictures.mistake"),
        )
        axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), frameon=False, fontsize=8, markerscale=1.6)
        figure.text(0.03, 0.03, note, fontsize=7.5, color=GREY)
        alt = text("pictures.map_alt", num=len(places), wrong=int(wrong.sum()))
        return to_picture(figure, alt=alt)
