"""The report as slides: native tables and a native chart, and nothing that the page does not say."""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cnnlab.errors import MissingResourceError
from cnnlab.reporting.canvas import Picture
from cnnlab.reporting.report import prose
from cnnlab.reporting.report.extras import Cover, Extras
from cnnlab.reporting.report.facts import Facts
from cnnlab.reporting.report.markdown import costs_table, results_table
from cnnlab.reporting.report.page import network_diagram
from cnnlab.reporting.report.text import Text

if TYPE_CHECKING:
    from pptx.slide import Slide

MAX_NETWORKS = 3  # with a slide of their own
WIDE, HIGH = 13.333, 7.5  # inches
LEFT, TOP, WIDTH = 0.7, 1.45, 11.9
FONTS = {"en": "Calibri", "zh": "Microsoft YaHei"}
COLOURS = ("0072B2", "D55E00", "009E73", "CC79A7", "E69F00", "56B4E9")


def slides_report(facts: Facts, extras: Extras, cover: Cover, text: Text) -> bytes:
    """Return a .pptx of 8 to 12 slides; arguments as `html_report` takes them.

    Raises:
        MissingResourceError: python-pptx is not installed.
    """
    try:
        from pptx import Presentation
        from pptx.util import Inches
    except ImportError:
        raise MissingResourceError(
            "slides: need python-pptx, which is not installed. Get it with: pip install 'cnnlab[slides]'"
        ) from None
    deck = Presentation()
    deck.slide_width, deck.slide_height = Inches(WIDE), Inches(HIGH)
    show = _Deck(deck, text)
    show.cover(cover.title or prose.title(facts, text), [cover.course, cover.author, cover.date])
    show.bullets(text("sections.setup"), [prose.question(facts, text), *prose.setup(facts, text)])
    samples = extras.of(facts.networks[0].name).samples
    show.bullets(text("sections.data"), prose.data(facts, text), picture=samples)
    for network in facts.networks[:MAX_NETWORKS]:
        lines = [prose.why(network, text), prose.numbers(network, text), prose.settings(network, text)]
        show.bullets(
            network.name, [line for line in lines if line], picture=network_diagram(network), below=True
        )
    show.curves(text("sections.training"), facts)
    show.table(text("sections.results"), *results_table(facts, text), notes=prose.summary(facts, text))
    confused = [
        f"{network.name}: "
        + text(
            "results.confused_row",
            true=facts.class_names[true],
            predicted=facts.class_names[predicted],
            count=f"{count:.1f}",
        )
        for network in facts.networks
        for true, predicted, count in network.confused[:3]
    ]
    pixels = next((extra.pixels for extra in extras.networks.values() if extra.pixels), None)
    show.bullets(text("sections.mistakes"), confused, picture=pixels)
    show.table(text("sections.cost"), *costs_table(facts, text))
    show.bullets(text("sections.threats"), prose.threats(facts, text))
    show.bullets(text("sections.summary"), prose.summary(facts, text))
    buffer = io.BytesIO()
    deck.save(buffer)
    return buffer.getvalue()


class _Deck:
    """Adds slides of one look."""

    def __init__(self, deck: Any, text: Text) -> None:
        self._deck, self._text = deck, text
        self._font = FONTS[text.lang]

    def cover(self, title: str, lines: Sequence[str]) -> None:
        """Add the first slide."""
        slide = self._blank()
        self._write(slide, title, LEFT, 2.4, WIDTH, 1.6, size=40, is_bold=True)
        self._write(slide, "\n".join(line for line in lines if line), LEFT, 4.2, WIDTH, 1.6, size=22)

    def bullets(
        self, title: str, lines: Sequence[str], *, picture: Picture | None = None, below: bool = False
    ) -> None:
        """Add sentences, and a picture beside or below them."""
        slide = self._titled(title)
        width = WIDTH if picture is None or below else WIDTH * 0.5
        height = 2.3 if below and picture is not None else 5.4
        size = 20 if sum(map(len, lines)) < (330 if below or width < WIDTH else 700) else 15
        self._write(slide, "\n".join(f"• {line}" for line in lines), LEFT, TOP, width, height, size=size)
        if picture is not None and below:
            self._draw(slide, picture, LEFT, TOP + height + 0.1, WIDTH, HIGH - TOP - height - 0.4)
        elif picture is not None:
            self._draw(slide, picture, LEFT + width + 0.2, TOP, WIDTH - width - 0.2, 5.6)

    def table(
        self, title: str, header: Sequence[str], rows: Sequence[Sequence[str]], *, notes: Sequence[str] = ()
    ) -> None:
        """Add a native table, with sentences below."""
        from pptx.util import Inches, Pt

        slide = self._titled(title)
        height = 0.45 * (len(rows) + 1)
        place = (Inches(LEFT), Inches(TOP), Inches(WIDTH), Inches(height))
        table = slide.shapes.add_table(len(rows) + 1, len(header), *place).table
        size = 14 if len(header) <= 6 else 12
        for number, cells in enumerate([header, *rows]):
            for column, value in enumerate(cells):
                cell = table.cell(number, column)
                cell.text = value
                for run in cell.text_frame.paragraphs[0].runs:
                    run.font.size, run.font.name, run.font.bold = Pt(size), self._font, number == 0
        if notes:
            below = TOP + 0.75 * (len(rows) + 1) + 0.3
            lines = "\n".join(f"• {line}" for line in notes)
            self._write(slide, lines, LEFT, below, WIDTH, HIGH - below - 0.3, size=18)

    def curves(self, title: str, facts: Facts) -> None:
        """Add validation accuracy over epochs as a native chart, of the first seed of each network."""
        from pptx.chart.data import XyChartData
        from pptx.dml.color import RGBColor
        from pptx.enum.chart import XL_CHART_TYPE, XL_LEGEND_POSITION
        from pptx.util import Inches, Pt

        data: Any = XyChartData()
        lowest = 1.0
        for network in facts.networks:
            series = data.add_series(network.name)
            for epoch, _, _, top1 in network.curves[0].val:
                series.add_data_point(epoch, round(100 * top1, 3))
                lowest = min(lowest, top1)
        slide = self._titled(title)
        place = (Inches(LEFT), Inches(TOP), Inches(WIDTH), Inches(5.5))
        frame: Any = slide.shapes.add_chart(XL_CHART_TYPE.XY_SCATTER_LINES, *place, data)
        chart = frame.chart
        chart.has_legend = True
        chart.legend.position, chart.legend.include_in_layout = XL_LEGEND_POSITION.BOTTOM, False
        chart.legend.font.size = Pt(14)
        for axis, words in ((chart.category_axis, "charts.epoch"), (chart.value_axis, "charts.val_top1")):
            axis.has_title = True
            axis.axis_title.text_frame.text = self._text(words)
            axis.tick_labels.font.size = Pt(12)
        chart.value_axis.maximum_scale = 100
        chart.value_axis.minimum_scale = max(0, int(100 * lowest) - 1)
        for index, series in enumerate(chart.plots[0].series):
            colour = RGBColor.from_string(COLOURS[index % len(COLOURS)])
            series.format.line.color.rgb = colour
            series.marker.format.fill.solid()
            series.marker.format.fill.fore_color.rgb = colour
            series.smooth = False

    def _blank(self) -> "Slide":
        return self._deck.slides.add_slide(self._deck.slide_layouts[6])

    def _titled(self, title: str) -> "Slide":
        slide = self._blank()
        self._write(slide, title, LEFT, 0.4, WIDTH, 0.9, size=30, is_bold=True)
        return slide

    def _write(
        self,
        slide: "Slide",
        text: str,
        left: float,
        top: float,
        width: float,
        height: float,
        *,
        size: int,
        is_bold: bool = False,
    ) -> None:
        from pptx.util import Inches, Pt

        box = slide.shapes.add_textbox(Inches(left), Inches(top), Inches(width), Inches(height))
        frame = box.text_frame
        frame.word_wrap = True
        for number, line in enumerate(text.split("\n")):
            paragraph = frame.paragraphs[0] if number == 0 else frame.add_paragraph()
            run = paragraph.add_run()
            run.text = line
            run.font.size, run.font.bold, run.font.name = Pt(size), is_bold, self._font
            paragraph.space_after = Pt(size * 0.35)

    @staticmethod
    def _draw(slide: "Slide", picture: Picture, left: float, top: float, width: float, height: float) -> None:
        """Draw a picture as large as fits, with its description for those who cannot see it."""
        from PIL import Image
        from pptx.util import Inches

        wide, high = Image.open(io.BytesIO(picture.png)).size
        scale = min(width / wide, height / high)
        size = (Inches(wide * scale), Inches(high * scale))
        shape: Any = slide.shapes.add_picture(io.BytesIO(picture.png), Inches(left), Inches(top), *size)
        shape._element.nvPicPr.cNvPr.set("descr", picture.alt)
