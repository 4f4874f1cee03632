"""Slides of one look: titles, sentences, tables, charts and pictures, each in a box that it fits."""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cnnlab.errors import MissingResourceError
from cnnlab.reporting.canvas import Picture
from cnnlab.reporting.report.extent import largest_size, text_height, text_width
from cnnlab.reporting.report.lettering import ACCENT, INDENT, INK, fill, make_item, rgb, set_letters
from cnnlab.reporting.report.slide_table import MORE, TABLE_SIZES, add_table, set_table
from cnnlab.reporting.report.table import ReportTable
from cnnlab.reporting.text import Text

if TYPE_CHECKING:
    from pptx.slide import Slide

WIDE, HIGH = 13.333, 7.5  # inches
LEFT, TOP, WIDTH, BOTTOM = 0.7, 1.45, 11.93, 6.95
SIZES = (22, 20, 18, 16, 15, 14, 13, 12)
LEGIBLE = 14  # points: sentences beside larger tables may be as small as that
FOOTER = WIDTH - 1
HEADING = 0.5  # inches
GAP = 0.25  # inches between tables and sentences below each other
TABLES_SHARE = 0.6  # of a slide, where tables and sentences together take more than that
FONTS = {"en": "Calibri", "zh": "Microsoft YaHei"}
COLOURS = ("0072B2", "C75300", "00855F", "B3578F", "946600", "3A82AD")
SOFT = "595959"
TITLE_ONLY = 5  # of the layouts that python-pptx comes with
Parts = Sequence[tuple[str, ReportTable]]
"""Tables with what stands above each, if anything does."""


def import_pptx() -> Any:
    """Return python-pptx.

    Raises:
        MissingResourceError: it is not installed.
    """
    try:
        import pptx
    except ImportError:
        raise MissingResourceError(
            "slides: need python-pptx, which is not installed. Get it with: pip install 'cnnlab[slides]'"
        ) from None
    return pptx


class Deck:
    """Adds slides, one after the other.

    Args:
        text: the words; Chinese ones get a Chinese font.
        footer: what stands at the foot of every slide.
    """

    def __init__(self, text: Text, footer: str) -> None:
        from pptx.util import Inches

        self._deck = import_pptx().Presentation()
        self._deck.slide_width, self._deck.slide_height = Inches(WIDE), Inches(HIGH)
        self._text, self._footer, self._font = text, _in_one_line(footer), FONTS[text.lang]

    def save(self) -> bytes:
        """Return the file."""
        buffer = io.BytesIO()
        self._deck.save(buffer)
        return buffer.getvalue()

    def cover(self, title: str, lines: Sequence[str]) -> None:
        """Add the first slide."""
        slide = self._slide(title, top=2.1, height=1.9, sizes=(40, 36, 32, 28, 24))
        self._rule(slide, 4.1)
        self.write(slide, "\n".join(line for line in lines if line), LEFT, 4.3, WIDTH, 1.8)

    def slide(self, title: str, *, notes: Sequence[str] = ()) -> "Slide":
        """Add a slide with a title, what may be said to it as notes, and a footer with its number."""
        slide = self._slide(title, top=0.35, height=0.85, sizes=(30, 26, 22, 18))
        self._rule(slide, 1.25)
        self.write(slide, self._footer, LEFT, 7.02, FOOTER, 0.35, sizes=(10,), colour=SOFT)
        self._number(slide)
        if notes:
            slide.notes_slide.notes_text_frame.text = "\n".join(notes)  # pyright: ignore[reportOptionalMemberAccess]
        return slide

    def bullets(
        self, slide: "Slide", lines: Sequence[str], left: float, top: float, width: float, height: float
    ) -> None:
        """Write sentences as large as they fit; those that do not fit are counted instead."""
        kept = list(lines)
        while True:
            more = len(lines) - len(kept)
            rest = [self._text("slides.more_lines", num=more)] if more else []
            words = "\n".join([*kept, *rest])
            size = largest_size(words, (*SIZES, 0), width=width - 0.2 - INDENT, height=height - 0.1)
            if size or not kept:
                break
            kept.pop()
        if words:
            self.write(slide, words, left, top, width, height, sizes=(size or SIZES[-1],), is_list=True)

    def write(
        self,
        slide: "Slide",
        words: str,
        left: float,
        top: float,
        width: float,
        height: float,
        *,
        sizes: Sequence[int] = SIZES,
        colour: str = INK,
        is_list: bool = False,
    ) -> None:
        """Write paragraphs into a box, as large as they fit; lengths in inches."""
        from pptx.util import Inches

        box = slide.shapes.add_textbox(Inches(left), Inches(top), Inches(width), Inches(height))
        size = largest_size(words, sizes, width=width - 0.2 - (INDENT if is_list else 0.0), height=height)
        fill(box.text_frame, self._font, words, size, colour)
        if is_list:
            for paragraph in box.text_frame.paragraphs:
                make_item(paragraph)

    def table(
        self, slide: "Slide", table: ReportTable, top: float, *, width: float = WIDTH, height: float
    ) -> float:
        """Add a native table, as large as it fits, and return where it ends, in inches from the top.

        Rows for which there is no room are counted instead.
        """
        setting = set_table(table, width=width, height=height)
        add_table(slide, table, setting, LEFT, top, font=self._font)
        if setting.num_cut:
            more = self._text("slides.more_lines", num=setting.num_cut)
            below = top + sum(setting.heights)
            self.write(slide, more, LEFT, below, width, MORE, sizes=(12,), colour=SOFT)
        return top + setting.height

    def stack(self, slide: "Slide", parts: Parts, lines: Sequence[str], *, width: float = WIDTH) -> None:
        """Place tables below each other and sentences below them; neither takes the other's place."""
        size = stack_size(parts, lines, width=width)
        top = TOP
        for heading, table in parts:
            # Where not all fits, what is there is shared between the tables and the sentences.
            room = (BOTTOM - TOP) * (TABLES_SHARE if lines else 1.0) / len(parts) - GAP
            if heading:
                self.write(slide, heading, LEFT, top, WIDTH, HEADING, sizes=(20,))
                top, room = top + HEADING, room - HEADING
            if size:
                room = set_table(table, width=width, height=BOTTOM, sizes=_up_to(size)).height
            top = self.table(slide, table, top, width=width, height=room) + GAP
        self.bullets(slide, lines, LEFT, top, width, BOTTOM - top)

    def draw(
        self, slide: "Slide", picture: Picture, left: float, top: float, width: float, height: float
    ) -> None:
        """Draw a picture as large as fits, in the middle, with words for those who cannot see it."""
        from PIL import Image
        from pptx.util import Inches

        wide, high = Image.open(io.BytesIO(picture.png)).size
        scale = min(width / wide, height / high)
        left, top = left + (width - wide * scale) / 2, top + (height - high * scale) / 2
        place = [Inches(length) for length in (left, top, wide * scale, high * scale)]
        shape: Any = slide.shapes.add_picture(io.BytesIO(picture.png), *place)
        shape._element.nvPicPr.cNvPr.set("descr", picture.alt)

    def style_chart(self, chart: Any, size: int) -> None:
        """Give a chart's words their size and font."""
        from pptx.util import Pt

        chart.font.size = Pt(size)
        set_letters(chart.font, self._font, INK)

    def style_chart_title(self, title: Any) -> None:
        """Do the same with the title of an axis."""
        from pptx.util import Pt

        for run in title.text_frame.paragraphs[0].runs:
            run.font.size, run.font.bold = Pt(12), False
            set_letters(run.font, self._font, INK)

    def _slide(self, title: str, *, top: float, height: float, sizes: Sequence[int]) -> "Slide":
        from pptx.util import Inches

        slide = self._deck.slides.add_slide(self._deck.slide_layouts[TITLE_ONLY])
        box = slide.shapes.title
        assert box is not None
        box.left, box.top, box.width, box.height = (Inches(one) for one in (LEFT, top, WIDTH, height))
        size = largest_size(title, sizes, width=(WIDTH - 0.2) / 1.1, height=height)  # bold is wider
        fill(box.text_frame, self._font, title, size, INK, bold=True)
        return slide

    def _rule(self, slide: "Slide", top: float) -> None:
        from pptx.enum.shapes import MSO_SHAPE
        from pptx.util import Inches

        place = [Inches(length) for length in (LEFT + 0.1, top, 1.6, 0.05)]
        bar = slide.shapes.add_shape(MSO_SHAPE.RECTANGLE, *place)
        bar.fill.solid()
        bar.fill.fore_color.rgb = rgb(ACCENT)
        bar.line.fill.background()

    def _number(self, slide: "Slide") -> None:
        from pptx.util import Inches

        box = slide.shapes.add_textbox(Inches(WIDE - 1.7), Inches(7.02), Inches(1.0), Inches(0.35))
        fill(box.text_frame, self._font, str(len(self._deck.slides)), 10, SOFT)


def stack_size(parts: Parts, lines: Sequence[str], *, width: float = WIDTH) -> int | None:
    """Return the largest letters of tables with which all of a stack fits on a slide; None if it does not."""
    for size in TABLE_SIZES:
        settings = [set_table(table, width=width, height=BOTTOM, sizes=_up_to(size)) for _, table in parts]
        rest = BOTTOM - TOP - sum(setting.height + GAP for setting in settings)
        rest -= sum(HEADING for heading, _ in parts if heading)
        least = min(max(size, SIZES[-1]), LEGIBLE)
        needed = (
            text_height("\n".join(lines), size=least, width=width - 0.2 - INDENT) + 0.1 if lines else -GAP
        )
        if not any(setting.num_cut for setting in settings) and needed <= rest:
            return size
    return None


def _in_one_line(footer: str) -> str:
    kept = footer
    while text_width(kept, size=10) > FOOTER - 0.2:
        kept = kept.removesuffix("…")[:-1] + "…"
    return kept


def _up_to(size: int) -> tuple[int, ...]:
    return tuple(one for one in TABLE_SIZES if one <= size)
