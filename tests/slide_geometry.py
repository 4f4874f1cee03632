"""Where things stand on slides, for tests: all in its box, all on the slide, nothing over its foot."""

from typing import Any

from pptx.oxml.ns import qn
from pptx.util import Inches

from cnnlab.reporting.report.extent import num_lines_of, text_height

FOOT = 7.0  # inches: what stands below is the footer
SMALLEST, SMALLEST_IN_TABLES = 12, 11  # points


def texts_of(deck: Any) -> list[tuple[Any, Any, Any]]:
    """Return slide, shape and text of everything that is written outside tables."""
    return [
        (slide, shape, shape.text_frame)
        for slide in deck.slides
        for shape in slide.shapes
        if shape.has_text_frame and shape.text_frame.text.strip()
    ]


def words_of(slide: Any) -> str:
    """Return what is written outside tables, a shape after the other."""
    return "\n".join(shape.text_frame.text for shape in slide.shapes if shape.has_text_frame)


def assert_all_fits(deck: Any) -> None:
    """Fail if anything leaves the slide or its box, covers the foot, or is too small to be read."""
    wide, high = deck.slide_width, deck.slide_height
    for slide in deck.slides:
        for shape in slide.shapes:
            assert shape.left >= 0 and shape.top >= 0
            assert shape.left + shape.width <= wide and shape.top + shape.height <= high, shape.name
            assert shape.top >= Inches(FOOT) or shape.top + shape.height <= Inches(FOOT), shape.name
            if shape.has_table:
                _assert_table_fits(shape)
    for _, shape, frame in texts_of(deck):
        size = frame.paragraphs[0].runs[0].font.size.pt
        is_item = frame.paragraphs[0]._p.find(f"{qn('a:pPr')}/{qn('a:buChar')}") is not None
        width = shape.width / Inches(1) - 0.2 - (0.25 if is_item else 0.0)
        assert text_height(frame.text, size=size, width=width) <= shape.height / Inches(1) + 1e-6, frame.text
        assert size >= SMALLEST or shape.top >= Inches(FOOT)


def _assert_table_fits(shape: Any) -> None:
    assert sum(row.height for row in shape.table.rows) <= shape.height + Inches(0.001)
    for number, row in enumerate(shape.table.rows):
        for column, cell in zip(shape.table.columns, row.cells, strict=True):
            size = cell.text_frame.paragraphs[0].runs[0].font.size.pt if cell.text else SMALLEST_IN_TABLES
            width = column.width / Inches(1) - 0.16
            lines = num_lines_of(cell.text, size=size, width=width, bold=number == 0)
            assert lines * size * 1.2 / 72 <= row.height / Inches(1), cell.text
            assert size >= SMALLEST_IN_TABLES
