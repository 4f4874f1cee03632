"""The architecture of a network, drawn from itself: a box for each part, its sides to scale.

In the manner of figure 2 of the AlexNet paper: the height and the depth of a box are the height and width of
the maps, its length is the number of channels.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cnnlab.explain import Part
from cnnlab.reporting.canvas import GREY, Picture, new_figure, title_width, to_picture, write_title
from cnnlab.reporting.place import write_at
from cnnlab.reporting.text import ENGLISH, Text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = {
    "image": "#FFFFFF",
    "convolution": "#A6CDE6",
    "pooling": "#F6D28F",
    "dense": "#C9C9C9",
    "block": "#BFE3D3",
}
OTHER = "#E8D5E6"
SHORT = {"BatchNorm2d": "BN", "LocalResponseNorm": "LRN"}
CHINESE = 0x2E80  # letters from here on are twice as wide
THIN = 0.05  # inches: the least of a box
SLANT = 0.35  # of a box' height
MARGIN, TITLE, NOTE, LINE = 0.15, 0.5, 0.3, 0.15  # inches


@dataclass(frozen=True)
class Form:
    """For what a diagram is drawn; lengths in inches.

    Attributes:
        tallest: a box of the image's height.
        longest: a box of the most channels.
        slot: room of a part, at least.
        between: behind a box.
        caption: room below the boxes.
        letters: their size in points.
        most: letters of a line.
        width: of a row, at most; 0 for all parts in one.
        is_short: names and shapes alone.
    """

    tallest: float = 1.7
    longest: float = 0.75
    slot: float = 1.02
    between: float = 0.3
    caption: float = 1.0
    letters: float = 6.5
    most: int = 20
    width: float = 0.0
    is_short: bool = False


SCREEN = Form()
SLIDE = Form(caption=0.48, letters=9.5, is_short=True)
PAPER = Form(tallest=1.2, longest=0.4, slot=0.84, between=0.1, most=16, width=7.1)
"""As wide as a page of A4 between its margins, so that its letters are as large as they are here."""


def diagram(
    parts: Sequence[Part],
    *,
    in_channels: int,
    image_size: int,
    title: str = "",
    text: Text = ENGLISH,
    form: Form = SCREEN,
) -> Picture:
    """Draw a network from its image to its logits; how to read it stands below where there is a title.

    Args:
        parts: what `structure` returned.
        in_channels: channels of the images.
        image_size: height and width that the network sees, in pixels.
        title: what stands above.
        text: the words in it.
        form: for what it is drawn.
    """
    shape = (in_channels, image_size, image_size)
    boxes = [Part(text("pictures.image"), "image", shape, 0), *parts]
    most_channels = max(part.shape[0] for part in boxes if len(part.shape) == 3)
    most_values = max((part.shape[0] for part in boxes if len(part.shape) == 1), default=1)
    extents = [_extent(part, image_size, most_channels, most_values, form) for part in boxes]
    slots = [max(form.slot, length + depth + form.between) for length, depth, _ in extents]
    rows = _rows(slots, form.width - 2 * MARGIN if form.width else math.inf)
    widest = max(sum(slots[place] for place in row) for row in rows)
    width = max(widest, title_width(title)) + 2 * MARGIN
    boxes_high = form.tallest * (1 + SLANT)
    first = TITLE if title else MARGIN
    height = first + len(rows) * (boxes_high + form.caption) + (NOTE if title else 0.0)
    with new_figure(width, height) as figure:
        write_title(figure, title, y=1 - 0.1 / height)
        for number, row in enumerate(rows):
            left, above = MARGIN, first + number * (boxes_high + form.caption)
            for place in row:
                _draw_box(figure, boxes[place], left, above + boxes_high / 2, *extents[place])
                _write_caption(figure, boxes[place], left, above + boxes_high + 0.08, text, form)
                left += slots[place]
        if title:
            write_at(figure, MARGIN, height - NOTE + 0.05, text("pictures.boxes"), fontsize=7, color=GREY)
        row = text.join([f"{part.name} ({' x '.join(map(str, part.shape))})" for part in boxes])
        return to_picture(figure, alt=text("pictures.diagram_alt", parts=row))


def _rows(slots: Sequence[float], width: float) -> list[range]:
    """Return the places of parts in as few rows as fit a width, about as many in each."""
    for num_rows in range(1, len(slots) + 1):
        each = math.ceil(len(slots) / num_rows)
        rows = [range(first, min(first + each, len(slots))) for first in range(0, len(slots), each)]
        if all(sum(slots[place] for place in row) <= width for row in rows):
            return rows
    return [range(place, place + 1) for place in range(len(slots))]


def _extent(
    part: Part, image_size: int, most_channels: int, most_values: int, form: Form
) -> tuple[float, float, float]:
    """Return the length, the depth along the page and the height of a box, in inches."""
    if len(part.shape) == 1:
        return 0.12, 0.0, max(0.15, form.tallest * math.sqrt(part.shape[0] / most_values))
    channels, tall, wide = part.shape
    length = max(THIN, form.longest * channels / most_channels)
    return length, SLANT * form.tallest * wide / image_size, max(THIN, form.tallest * tall / image_size)


def _draw_box(
    figure: "Figure", part: Part, left: float, middle: float, length: float, depth: float, tall: float
) -> None:
    from matplotlib.patches import Polygon

    # The middle of all boxes of a row lies on one line.
    low = figure.get_size_inches()[1] - middle - (tall + depth) / 2
    right, high = left + length + depth, low + tall + depth
    front = [(left, low), (left + length, low), (left + length, low + tall), (left, low + tall)]
    top = [front[3], front[2], (right, high), (left + depth, high)]
    side = [front[1], front[2], (right, high), (right, low + depth)]
    style = {"edgecolor": "#333333", "linewidth": 0.7, "transform": figure.dpi_scale_trans}
    colour = COLOURS.get(part.kind, OTHER)
    for corners, shade in ((front, 0.0), (top, 0.25), (side, -0.12)):
        if depth or corners is front:
            figure.add_artist(Polygon(corners, closed=True, facecolor=_shaded(colour, shade), **style))


def _shaded(colour: str, by: float) -> tuple[float, ...]:
    """Return a colour, lighter or darker."""
    from matplotlib.colors import to_rgb

    return tuple(min(1.0, max(0.0, part + by * (1 - part if by > 0 else part))) for part in to_rgb(colour))


def _write_caption(figure: "Figure", part: Part, left: float, top: float, text: Text, form: Form) -> None:
    if form.is_short:
        write_at(figure, left, top, part.name, fontsize=form.letters, fontweight="bold")
        write_at(figure, left, top + 0.19, "x".join(map(str, part.shape)), fontsize=form.letters)
        return
    beside = [SHORT.get(name, name) for name in part.beside]
    comma = text.sign(", ")
    details = [*_broken(_detail(part, text), comma, most=form.most), *_broken(beside, comma, most=form.most)]
    lines = [
        (part.name, {"fontweight": "bold"}),
        (" x ".join(map(str, part.shape)), {}),
        *((line, {"color": GREY}) for line in details),
        *([(f"{part.parameters:,}", {"color": GREY, "style": "italic"})] if part.parameters else []),
    ]
    for number, (line, style) in enumerate(lines[:6]):
        write_at(figure, left, top + LINE * number, line, fontsize=form.letters, **style)


def _detail(part: Part, text: Text) -> list[str]:
    """Return what a part does, in a few words: kernel and stride, or what a block holds."""
    if part.kind in ("image", "dense"):
        return []
    if part.convolutions:
        key = "pictures.convolution" if part.convolutions == 1 else "pictures.convolutions"
        return [text(key, num=part.convolutions)]
    window = f"{part.window}x{part.window}"
    if part.pools:
        key = f"pictures.{part.pools}" if part.window else f"pictures.{part.pools}_of_all"
        words = [text(key, window=window)]
    else:
        words = [window if part.window else part.kind]
    if part.stride != 1:
        words.append(text("pictures.stride", stride=part.stride))
    return [*words, *([text("pictures.towers", num=part.towers)] if part.towers > 1 else [])]


def _broken(words: Sequence[str], comma: str, *, most: int) -> list[str]:
    """Return words in lines of at most about so many letters, Chinese ones twice, broken behind commas."""
    lines: list[str] = []
    for word in words:
        longer = f"{lines[-1]}{comma}{word}" if lines else word
        if lines and len(longer) + sum(ord(letter) >= CHINESE for letter in longer) <= most:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines
