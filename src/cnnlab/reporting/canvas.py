"""What all pictures share: size, colours, font, and the way to PNG bytes.

matplotlib is imported in this room only, and only when something is drawn. No window is opened; the
user's own matplotlib settings neither matter nor change.
"""

import io
import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnnlab.evaluation import ONE_VIEW, views_in_words
from cnnlab.reporting.fonts import chinese_font
from cnnlab.reporting.text import ENGLISH, Text
from cnnlab.runs import RunFolder

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# It would speak of its own folders, such as of a home that cannot be written to.
logging.getLogger("matplotlib").setLevel(logging.ERROR)

DPI = 150

# M. Okabe, K. Ito, "Color Universal Design", 2008: told apart with any colour vision, and in grey.
BLUE, VERMILION, GREY = "#0072B2", "#D55E00", "#555555"
TITLE_FONT = {"fontsize": 12, "fontweight": "bold"}
OUR_FONT = "DejaVu Sans"  # comes with matplotlib: the same picture everywhere
STYLE = {
    "font.size": 9.0,
    "axes.titlesize": 10.0,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E4E4E4",
    "grid.linewidth": 0.7,
    "text.parse_math": False,  # a class may be called "$5"
    "image.composite_image": False,  # images of one axes stay apart in SVG, each with its own pixels
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "cnnlab",  # the same file for the same figure
}


@contextmanager
def new_figure(width: float, height: float) -> Iterator["Figure"]:
    """Give an empty figure in our style, in force until it is left; lengths in inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with our_style():
        figure = Figure((width, height), dpi=DPI)
        FigureCanvasAgg(figure)
        yield figure


@contextmanager
def our_style() -> Iterator[None]:
    """Draw in our style until it is left."""
    from matplotlib import style

    beside = chinese_font()  # for the letters that ours lacks
    family = [OUR_FONT, beside[0]] if beside else [OUR_FONT]
    with style.context({**STYLE, "font.family": family}, after_reset=True):
        yield


def to_png(figure: "Figure") -> bytes:
    """Return the picture; the same bytes for the same figure and versions."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return buffer.getvalue()


def to_svg(figure: "Figure") -> bytes:
    """Return the picture as vectors, but for what is made of pixels; the same bytes for the same figure."""
    buffer = io.BytesIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    figure.savefig(buffer, format="svg", metadata=nothing)
    # Where somebody's machine has none of our fonts, one without serifs is the nearest.
    return re.sub(rb"font(?:-family)?: [^;\"]*'(?=[;\"])", rb"\g<0>, sans-serif", buffer.getvalue())


class Picture:
    """One picture in two forms, each made when it is first asked for.

    Args:
        figure: what is drawn, finished.
        alt: what it shows, in a sentence, for those who cannot see it.

    Attributes:
        size: width and height in inches.
    """

    def __init__(self, figure: "Figure", alt: str) -> None:
        self._figure, self.alt = figure, alt
        width, height = figure.get_size_inches()
        self.size = float(width), float(height)

    @cached_property
    def png(self) -> bytes:
        """Pixels."""
        with our_style():
            return to_png(self._figure)

    @cached_property
    def svg(self) -> bytes:
        """Vectors."""
        with our_style():
            return to_svg(self._figure)


def to_picture(figure: "Figure", *, alt: str) -> Picture:
    """Return a figure in both forms."""
    return Picture(figure, alt)


def write_title(figure: "Figure", text: str, *, y: float = 0.98) -> None:
    """Write a heading at the top left; `y` is a fraction of the height."""
    figure.suptitle(drawable_text(text), x=0.01, y=y, ha="left", va="top", **TITLE_FONT)


def title_width(text: str) -> float:
    """Return the length of what `write_title` writes, in inches."""
    return text_width(drawable_text(text), **TITLE_FONT)


def text_width(text: str, **font: Any) -> float:
    """Return the length of one line, in inches; `font` is as matplotlib's texts take it."""
    with new_figure(1.0, 1.0) as figure:
        return figure.text(0.0, 0.0, text, **font).get_window_extent().width / DPI


def run_title(folder: RunFolder, *, test_top1: float | None = None, text: Text = ENGLISH) -> str:
    """Return what ran, and what it reached: `test_top1`, else what eval.json says, if it is there."""
    config = folder.config
    recipe, data = config.recipe or config.model.name, Path(config.data.name).name
    title = text("explain.run", recipe=recipe, data=data, seed=config.seed)
    if test_top1 is None and (evaluation := folder.evaluation):
        test_top1 = evaluation["top1"]
    if test_top1 is None:
        return title
    scored = text("explain.scored", run=title, top1=f"{test_top1:.2%}")
    tta, average = config.evaluation.tta, config.evaluation.average
    if views_in_words(tta, average) == ONE_VIEW:
        return scored
    return text("explain.views", scored=scored, tta=tta, average=text(f"explain.{average}"))


def drawable_text(text: str) -> str:
    """Return a text with a question mark for each letter that the fonts here lack."""
    return "".join(drawable if len(drawable) == 1 else "?" for drawable in drawable_names(text))


def drawable_names(names: Sequence[str]) -> list[str]:
    """Return names that the fonts here can draw: a name with a letter that they lack becomes `class 3`."""
    from matplotlib import font_manager

    fonts = [font_manager.get_font(font_manager.findfont(OUR_FONT))]
    if beside := chinese_font():
        fonts.append(font_manager.get_font(font_manager.findfont(beside[0])))

    def is_drawable(name: str) -> bool:
        return name.isprintable() and all(
            any(font.get_char_index(ord(letter)) for font in fonts) for letter in name
        )

    return [name if is_drawable(name) else f"class {index}" for index, name in enumerate(names)]
