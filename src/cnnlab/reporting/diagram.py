"""The architecture of a network, drawn from itself: a box for each part, its sides to scale.

In the manner of figure 2 of the AlexNet paper: the height and the depth of a box are the height and width of
the maps, its length is the number of channels.
"""

import math
from collections.abc import Sequence
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

# Lengths in inches.
TALLEST, LONGEST, THIN, SLANT = 1.7, 0.75, 0.05, 0.35
MARGIN, TITLE, CAPTION, NOTE, SLOT = 0.15, 0.5, 1.0, 0.3, 1.02
SHORT_CAPTION = 0.48


def diagram(
    parts: Sequence[Part],
    *,
    in_channels: int,
    image_size: int,
    title: str = "",
    text: Text = ENGLISH,
    is_slide: bool = False,
) -> Picture:
    """Draw a network from its image to its logits; how to read it stands below where there is a title.

    Args:
        parts: what `structure` returned.
        in_channels: channels of the images.
        image_size: height and width that the network sees, in pixels.
        title: what stands above.
        text: the words in it.
        is_slide: in larger letters, with names and shapes alone.
    """
    shape = (in_channels, image_size, image_size)
    boxes = [Part(text("pictures.image"), "image", shape, 0), *parts]
    most_channels = max(part.shape[0] for part in boxes if len(part.shape) == 3)
    most_values = max((part.shape[0] for part in boxes if len(part.shape) == 1), default=1)
    extents = [_extent(part, image_size, most_channels, most_values) for part in boxes]
    slots = [max(SLOT, length + depth + 0.3) for length, depth, _ in extents]
    width = max(sum(slots), title_width(title)) + 2 * MARGIN
    above = TITLE if title else MARGIN
    below = SHORT_CAPTION if is_slide else CAPTION + NOTE if title else CAPTION
    height = above + TALLEST * (1 + SLANT) + below
    with new_figure(width, height) as figure:
        write_title(figure, title, y=1 - 0.1 / height)
        left = MARGIN
        for part, extent, slot in zip(boxes, extents, slots, strict=True):
            _draw_box(figure, part, left, above, *extent)
            _write_caption(figure, part, left, above + TALLEST * (1 + SLANT) + 0.08, text, is_slide=is_slide)
            left += slot
        if title:
            write_at(figure, MARGIN, height - NOTE + 0.05, text("pictures.boxes"), fontsize=7, color=GREY)
        row = text.join([f"{part.name} ({' x '.join(map(str, part.shape))})" for part in boxes])
        return to_picture(figure, alt=text("pictures.diagram_alt", parts=row))


def _extent(part: Part, image_size: int, most_channels: int, most_values: int) -> tuple[float, float, float]:
    """Return the length, the depth along the page and the height of a box, in inches."""
    if len(part.shape) == 1:
        return 0.12, 0.0, max(0.15, TALLEST * math.sqrt(part.shape[0] / most_values))
    channels, tall, wide = part.shape
    length = max(THIN, LONGEST * channels / most_channels)
    return length, SLANT * TALLEST * wide / image_size, max(THIN, TALLEST * tall / image_size)


def _draw_box(
    figure: "Figure", part: Part, left: float, above: float, length: float, depth: float, tall: float
) -> None:
    from matplotlib.patches import Polygon

    # The middle of all boxes lies on one line.
    middle = figure.get_size_inches()[1] - above - TALLEST * (1 + SLANT) / 2
    low = middle - (tall + depth) / 2
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


def _write_caption(
    figure: "Figure", part: Part, left: float, top: float, text: Text, *, is_slide: bool
) -> None:
    if is_slide:
        write_at(figure, left, top, part.name, fontsize=9.5, fontweight="bold")
        write_at(figure, left, top + 0.19, "x".join(map(str, part.shape)), fontsize=9.5)
        return
    beside = [SHORT.get(name, name) for name in part.beside]
    comma = text.sign(", ")
    lines = [
        (part.name, {"fontweight": "bold"}),
        (" x ".join(map(str, part.shape)), {}),
        *(
            (line, {"color": GREY})
            for line in (*_broken(_detail(part, text), comma), *_broken(beside, comma))
        ),
        *([(f"{part.parameters:,}", {"color": GREY, "style": "italic"})] if part.parameters else []),
    ]
    for number, (line, style) in enumerate(lines[:6]):
        write_at(figure, left, top + 0.15 * number, line, fontsize=6.5, **style)


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


def _broken(words: Sequence[str], comma: str, *, most: int = 18) -> list[str]:
    """Return words in lines of at most about so many letters, Chinese ones twice, broken behind commas."""
    lines: list[str] = []
    for word in words:
        longer = f"{lines[-1]}{comma}{word}" if lines else word
        if lines and len(longer) + sum(ord(letter) >= 0x2E80 for letter in longer) <= most:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines
