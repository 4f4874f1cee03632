"""Slides of one look: titles, sentences, tables, charts and pictures, each in a box that it fits."""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cnnlab.errors import MissingResourceError
from cnnlab.reporting.canvas import Picture
from cnnlab.reporting.report.extent import largest_size, num_lines_of, text_width
from cnnlab.reporting.report.lettering import INDENT, INK, fill, make_item, rgb, set_letters
from cnnlab.reporting.report.table import ReportTable
from cnnlab.reporting.text import Text

if TYPE_CHECKING:
    from pptx.slide import Slide

WIDE, HIGH = 13.333, 7.5  # inches
LEFT, TOP, WIDTH, BOTTOM = 0.7, 1.45, 11.93, 6.95
SIZES = (22, 20, 18, 16, 15, 14, 13, 12)
TABLE_SIZES = (16, 15, 14, 13, 12, 11, 10)
PAD = 0.08  # inches on either side of a cell
FONTS = {"en": "Calibri", "zh": "Microsoft YaHei"}
COLOURS = ("0072B2", "C75300", "00855F", "B3578F", "946600", "3A82AD")
ACCENT, SOFT, BAND = "0B5CAD", "595959", "E8EEF5"
TITLE_ONLY = 5  # of the layouts that python-pptx comes with


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
        self._text, self._footer, self._font = text, footer, FONTS[text.lang]

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
        self.write(slide, self._footer, LEFT, 7.02, WIDTH - 1, 0.35, sizes=(10,), colour=SOFT)
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
        if kept:
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

    def table(self, slide: "Slide", table: ReportTable, top: float, *, width: float = WIDTH) -> float:
        """Add a native table, as large as it fits, and return where it ends, in inches from the top."""
        from pptx.enum.text import PP_ALIGN
        from pptx.util import Inches, Pt

        lines = [list(table.header), *table.shown]
        size, widths = _columns(lines, width)
        heights = [
            max(
                num_lines_of(cell, size=size, width=wide - 2 * PAD, bold=number == 0)
                for cell, wide in zip(line, widths, strict=True)
            )
            * size
            * 1.25
            / 72
            + 0.14
            for number, line in enumerate(lines)
        ]
        place = [Inches(length) for length in (LEFT, top, sum(widths), sum(heights))]
        shape = slide.shapes.add_table(len(lines), len(table.header), *place).table
        for column, wide in enumerate(widths):
            shape.columns[column].width = Inches(wide)
        for number, line in enumerate(lines):
            shape.rows[number].height = Inches(heights[number])
            for column, words in enumerate(line):
                cell = shape.cell(number, column)
                cell.margin_left = cell.margin_right = Inches(PAD)
                cell.margin_top = cell.margin_bottom = Inches(0.04)
                cell.text = words
                paragraph = cell.text_frame.paragraphs[0]
                paragraph.alignment = PP_ALIGN.LEFT if table.is_text(column) else PP_ALIGN.RIGHT
                cell.fill.solid()
                cell.fill.fore_color.rgb = rgb(ACCENT if number == 0 else BAND if number % 2 else "FFFFFF")
                for run in paragraph.runs:
                    run.font.size, run.font.bold = Pt(size), number == 0
                    set_letters(run.font, self._font, "FFFFFF" if number == 0 else INK)
        return top + sum(heights)

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


def _columns(lines: Sequence[Sequence[str]], width: float) -> tuple[int, list[float]]:
    """Return the largest size at which a table fits its width, headings broken if need be, and widths."""
    widths: list[float] = []
    for size in TABLE_SIZES:
        widths = []
        for header, *cells in zip(*lines, strict=True):
            words = [text_width(word, size=size, bold=True) for word in header.split()] or [0.0]
            longest = [text_width(cell, size=size) for cell in cells]
            widths.append(max([*words, *longest, 0.3]) * 1.03 + 2 * PAD)
        if sum(widths) <= width:
            # What is left goes to all columns alike, up to a look that is not lost in the width.
            spare = min((width - sum(widths)) / len(widths), 0.8)
            return size, [wide + spare for wide in widths]
    return TABLE_SIZES[-1], [wide * width / sum(widths) for wide in widths]
