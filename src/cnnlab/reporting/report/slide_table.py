"""A native table on a slide: its letters, columns and rows are such that it ends where it should."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cnnlab.reporting.report.extent import num_lines_of, text_width
from cnnlab.reporting.report.lettering import ACCENT, BAND, INK, rgb, set_letters
from cnnlab.reporting.report.table import ReportTable

if TYPE_CHECKING:
    from pptx.slide import Slide

TABLE_SIZES = (16, 15, 14, 13, 12, 11)
"""Of its letters, in points: smaller ones cannot be read from the back of a room."""
PAD = 0.08  # inches on either side of a cell
ABOVE = 0.04  # inches above and below the words of a cell
SPARE = 0.04  # inches of a row that are left over: programs set letters a little apart
LINE = 1.25  # of the size of its letters
MORE = 0.3  # inches: a line that says how many rows are left out


@dataclass(frozen=True)
class Setting:
    """How a table is set.

    Attributes:
        size: of its letters, in points.
        widths: of its columns, in inches.
        heights: of its heading and of the rows that are shown.
        num_cut: rows that are left out at its end.
    """

    size: int
    widths: list[float]
    heights: list[float]
    num_cut: int = 0

    @property
    def height(self) -> float:
        """Of all of it with the line about what is left out, in inches."""
        return sum(self.heights) + (MORE if self.num_cut else 0.0)


def set_table(
    table: ReportTable, *, width: float, height: float, sizes: Sequence[int] = TABLE_SIZES
) -> Setting:
    """Return how a table is set in the largest letters with which it fits; at worst rows are left out.

    Args:
        table: with rows.
        width: that it may take, in inches.
        height: likewise.
        sizes: of letters, the largest first.
    """
    lines = [list(table.header), *table.shown]
    for size in sizes:
        widths = _columns(lines, size, width)
        heights = _row_heights(lines, widths, size) if widths else []
        if widths and sum(heights) <= height + 1e-9:
            return Setting(size, widths, heights)
    widths = _columns(lines, sizes[-1], width) or _squeezed(lines, sizes[-1], width)
    heights = _row_heights(lines, widths, sizes[-1])
    kept = len(heights)
    if sum(heights) > height + 1e-9:
        while kept > 1 and sum(heights[:kept]) + MORE > height:
            kept -= 1
    return Setting(sizes[-1], widths, heights[:kept], num_cut=len(heights) - kept)


def add_table(
    slide: "Slide", table: ReportTable, setting: Setting, left: float, top: float, *, font: str
) -> None:
    """Add a table as it was set, its corner at a place in inches."""
    from pptx.enum.text import PP_ALIGN
    from pptx.util import Inches, Pt

    lines = [list(table.header), *table.shown][: len(setting.heights)]
    place = [Inches(length) for length in (left, top, sum(setting.widths), sum(setting.heights))]
    shape = slide.shapes.add_table(len(lines), len(table.header), *place).table
    for column, wide in enumerate(setting.widths):
        shape.columns[column].width = Inches(wide)
    for number, line in enumerate(lines):
        shape.rows[number].height = Inches(setting.heights[number])
        for column, words in enumerate(line):
            cell = shape.cell(number, column)
            cell.margin_left = cell.margin_right = Inches(PAD)
            cell.margin_top = cell.margin_bottom = Inches(ABOVE)
            cell.text = words
            paragraph = cell.text_frame.paragraphs[0]
            paragraph.alignment = PP_ALIGN.LEFT if table.is_text(column) else PP_ALIGN.RIGHT
            cell.fill.solid()
            cell.fill.fore_color.rgb = rgb(ACCENT if number == 0 else BAND if number % 2 else "FFFFFF")
            # Without letters a cell is as high as the usual ones, which are larger.
            paragraph.font.size = Pt(setting.size)
            for run in paragraph.runs:
                run.font.size, run.font.bold = Pt(setting.size), number == 0
                set_letters(run.font, font, "FFFFFF" if number == 0 else INK)


def _row_heights(lines: Sequence[Sequence[str]], widths: Sequence[float], size: int) -> list[float]:
    heights = []
    for number, line in enumerate(lines):
        num_lines = max(
            num_lines_of(cell, size=size, width=wide - 2 * PAD, bold=number == 0)
            for cell, wide in zip(line, widths, strict=True)
        )
        heights.append(num_lines * size * LINE / 72 + 2 * ABOVE + SPARE)
    return heights


def _columns(lines: Sequence[Sequence[str]], size: int, width: float) -> list[float] | None:
    """Return the widths of columns whose headings alone are broken; None if they do not fit."""
    widths = _natural(lines, size)
    if sum(widths) > width:
        return None
    # What is left goes to all columns alike, up to a look that is not lost in the width.
    spare = min((width - sum(widths)) / len(widths), 0.8)
    return [wide + spare for wide in widths]


def _squeezed(lines: Sequence[Sequence[str]], size: int, width: float) -> list[float]:
    widths = _natural(lines, size)
    return [wide * width / sum(widths) for wide in widths]


def _natural(lines: Sequence[Sequence[str]], size: int) -> list[float]:
    widths = []
    for header, *cells in zip(*lines, strict=True):
        words = [text_width(word, size=size, bold=True) for word in header.split()] or [0.0]
        longest = [text_width(cell, size=size) for cell in cells]
        widths.append(max([*words, *longest, 0.3]) * 1.03 + 2 * PAD)
    return widths
