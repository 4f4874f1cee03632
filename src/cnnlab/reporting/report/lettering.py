"""Words on slides: their size, colour and font, for Latin letters and for Chinese ones."""

from typing import Any

INDENT = 0.25  # of the items of a list, in inches
INK, ACCENT, BAND = "1B1B1B", "0B5CAD", "E8EEF5"
AFTER = 0.35  # behind a paragraph, of the size of its letters


def fill(frame: Any, font: str, words: str, size: int, colour: str, *, bold: bool = False) -> None:
    """Write paragraphs, one a line of `words`, into a text frame; bold ones stand at its foot.

    Args:
        frame: of python-pptx.
        font: name of the font.
        words: what is written.
        size: of the letters, in points.
        colour: of them, in hexadecimal.
        bold: whether they are.
    """
    from pptx.enum.text import MSO_ANCHOR, PP_ALIGN
    from pptx.util import Pt

    frame.word_wrap, frame.vertical_anchor = True, MSO_ANCHOR.BOTTOM if bold else MSO_ANCHOR.TOP
    frame.margin_top = frame.margin_bottom = 0
    for number, line in enumerate(words.split("\n")):
        paragraph = frame.paragraphs[0] if number == 0 else frame.add_paragraph()
        paragraph.alignment, paragraph.space_after = PP_ALIGN.LEFT, Pt(size * AFTER)
        run = paragraph.add_run()
        run.text = line
        run.font.size, run.font.bold = Pt(size), bold
        set_letters(run.font, font, colour)


def set_letters(target: Any, font: str, colour: str) -> None:
    """Set the colour and the font of letters; Chinese ones have a font of their own in such files."""
    from pptx.oxml.ns import qn

    target.name = font
    target.color.rgb = rgb(colour)
    properties = target._rPr
    for old in properties.findall(qn("a:ea")):
        properties.remove(old)
    east = properties.makeelement(qn("a:ea"), {"typeface": font})
    properties.find(qn("a:latin")).addnext(east)


def make_item(paragraph: Any) -> None:
    """Make a paragraph an item of a list: a bullet, and its lines below each other."""
    from pptx.oxml.ns import qn
    from pptx.util import Inches

    properties = paragraph._p.get_or_add_pPr()
    properties.set("marL", str(Inches(INDENT)))
    properties.set("indent", str(-Inches(INDENT)))
    for tag, values in (("a:buFont", {"typeface": "Arial"}), ("a:buChar", {"char": "•"})):
        properties.append(properties.makeelement(qn(tag), values))


def rgb(colour: str) -> Any:
    """Return a colour of python-pptx."""
    from pptx.dml.color import RGBColor

    return RGBColor.from_string(colour)
