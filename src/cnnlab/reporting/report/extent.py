"""How much room a text takes on a slide, before somebody's program sets it.

Measured in DejaVu Sans, which is wider than the fonts that slides name, and for Chinese letters in the font
of this machine, or as squares where there is none: what fits here fits there.
"""

import re
from collections.abc import Sequence
from functools import cache
from typing import Any

from cnnlab.reporting.canvas import OUR_FONT
from cnnlab.reporting.fonts import chinese_font
from cnnlab.reporting.report.lettering import AFTER

LINE = 1.22  # of the size of its letters
POINTS = 72  # in an inch
MEASURED = 100  # points: large enough that rounding to pixels does not count


def text_height(text: str, *, size: float, width: float, bold: bool = False) -> float:
    """Return the height of paragraphs, one a line of `text`, in inches.

    Args:
        text: what is set.
        size: of its letters, in points.
        width: of its box without margins, in inches.
        bold: whether it is.
    """
    paragraphs = text.split("\n")
    num_lines = sum(num_lines_of(paragraph, size=size, width=width, bold=bold) for paragraph in paragraphs)
    return (num_lines * LINE + (len(paragraphs) - 1) * AFTER) * size / POINTS


def num_lines_of(paragraph: str, *, size: float, width: float, bold: bool = False) -> int:
    """Return into how many lines a paragraph breaks: between words, and between Chinese letters."""
    lines, left = 1, width
    for piece in re.findall(r"[⺀-鿿＀-￯]|[^ ⺀-鿿＀-￯]+ *| +", paragraph):
        long = text_width(piece.rstrip(), size=size, bold=bold)
        if long > left and left < width:
            lines, left = lines + 1, width
        while long > width:  # a word that is longer than a line is broken
            lines, long = lines + 1, long - width
        left -= min(left, text_width(piece, size=size, bold=bold) if long <= width else long)
    return lines


def text_width(text: str, *, size: float, bold: bool = False) -> float:
    """Return the length of a line, in inches."""
    return sum(_advance(letter, bold) for letter in text) * size / MEASURED / POINTS


def largest_size(text: str, sizes: Sequence[int], *, width: float, height: float) -> int:
    """Return the first of these sizes at which a text fits into a box; the last if none does."""
    fitting = (size for size in sizes if text_height(text, size=size, width=width) <= height)
    return next(fitting, sizes[-1])


@cache
def _advance(letter: str, bold: bool) -> float:
    """Return how far a letter moves the next one, in pixels at `MEASURED` points."""
    if ord(letter) < 0x2E80:
        return _font(bold).getlength(letter)
    chinese = _chinese()
    return max(chinese.getlength(letter) if chinese else 0.0, float(MEASURED))


@cache
def _font(bold: bool) -> Any:
    from matplotlib import font_manager
    from PIL import ImageFont

    wanted = font_manager.FontProperties(family=OUR_FONT, weight="bold" if bold else "normal")
    return ImageFont.truetype(font_manager.findfont(wanted), MEASURED)


@cache
def _chinese() -> Any:
    from PIL import ImageFont

    found = chinese_font()
    return ImageFont.truetype(str(found[1]), MEASURED) if found else None
