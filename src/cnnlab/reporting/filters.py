"""What pre-training taught the first layer: its filters, and images as it restores them."""

import math

from cnnlab.reporting.canvas import GREY, new_figure, text_width, title_width, to_png, write_title
from cnnlab.reporting.mosaic import centred_levels, mosaic, num_columns, num_rows
from cnnlab.reporting.place import drawable, new_sheet, place_axes, show_on
from cnnlab.runs import Pretraining

METHODS = {"autoencoder": "denoising auto-encoder", "rbm": "restricted Boltzmann machine"}
MAX_FILTERS = 64
DRAWN_IN_FULL = 0.95
"""Share of the weights that are not cut to black or white: a few large ones would make all others grey."""

# Lengths of the pictures, in inches.
SIDE, TITLE, HEADING, NOTE, IMAGE, LABEL = 3.6, 0.45, 0.2, 0.2, 0.8, 1.0
NOTE_SIZE = 7.5  # points

# Pixels of a mosaic: how often a filter's own pixel is repeated, and what lies between two filters.
ENLARGED, GAP = 12, 6


def filters_picture(pretraining: Pretraining, *, title: str) -> bytes:
    """Draw the first layer's filters before and after pre-training, light where a weight is positive.

    Each half has a scale of its own, symmetric about 0; filters of three channels are drawn in colour.
    """
    before, after = pretraining.pictures["filters before"], pretraining.pictures["filters after"]
    num = len(after)
    shown_num = min(num, MAX_FILTERS)
    what = METHODS[pretraining.record.method]
    shown = f"all {num}" if num <= MAX_FILTERS else f"the first {MAX_FILTERS} of {num}"
    width, height = (
        2 * SIDE + 0.4,
        TITLE + HEADING + SIDE * num_rows(shown_num) / num_columns(shown_num) + NOTE,
    )
    with new_figure(width, height) as figure:
        write_title(figure, title, y=1 - 0.1 / height)
        for left, tensor, heading in (
            (0.1, before, "Before: starting weights"),
            (SIDE + 0.3, after, f"After: {what}"),
        ):
            tall = SIDE * num_rows(shown_num) / num_columns(shown_num)
            axes = place_axes(figure, left, TITLE + HEADING, SIDE, tall)
            levels = centred_levels(tensor[:MAX_FILTERS], in_full=DRAWN_IN_FULL)
            axes.imshow(mosaic(levels, columns=num_columns(shown_num), enlarged=ENLARGED, gap=GAP))
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
        sheet = new_sheet(figure)
        for row, (name, label) in enumerate(names.items()):
            top = TITLE + row * IMAGE
            y = 1 - (top + IMAGE / 2) / height
            figure.text((LABEL - 0.12) / width, y, label, ha="right", va="center")
            for column, image in enumerate(pretraining.pictures[name]):
                place = LABEL + column * IMAGE, top, IMAGE - 0.06, IMAGE - 0.06
                show_on(sheet, drawable(image), *place)
        for place, text in enumerate(reversed(rows)):
            figure.text(0.1 / width, (0.07 + NOTE * place) / height, text, fontsize=NOTE_SIZE, color=GREY)
        return to_png(figure)
