"""The report as slides: native tables and charts, and nothing that the page does not say."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cnnlab.reporting.report import prose, reproduce, tables
from cnnlab.reporting.report.architectures import reference
from cnnlab.reporting.report.deck import BOTTOM, COLOURS, LEFT, TOP, WIDTH, Deck
from cnnlab.reporting.report.extras import Cover, Extras
from cnnlab.reporting.report.facts import Facts, NetworkFacts
from cnnlab.reporting.report.threats import threats
from cnnlab.reporting.report.validated import not_validated
from cnnlab.reporting.report.writing import percent
from cnnlab.reporting.text import Text

if TYPE_CHECKING:
    from pptx.slide import Slide

MAX_NETWORKS = 3  # with a slide of their own: twelve slides in all
MAX_CONFUSED = 3
SMALLEST_ERROR = 0.01  # per cent: a logarithmic axis has no 0
HALF = (WIDTH - 0.3) / 2
PICTURE = 6.5  # inches: as wide as it was drawn, so that its letters are as large
MAX_COMMAND = 160  # letters of a command that a slide has room for


def slides_report(facts: Facts, extras: Extras, cover: Cover, text: Text) -> bytes:
    """Return a .pptx of 10 to 12 slides; arguments as `html_report` takes them.

    Raises:
        MissingResourceError: python-pptx is not installed.
    """
    title = cover.title or prose.title(facts, text)
    deck = Deck(text, footer=title)
    deck.cover(title, [cover.course, cover.author, cover.date])
    slide = deck.slide(text("sections.setup"))
    lines = [prose.question(facts, text), *prose.setup(facts, text)]
    deck.bullets(slide, lines, LEFT, TOP, WIDTH, BOTTOM - TOP)
    _data(deck, facts, extras, text)
    for network in facts.networks[:MAX_NETWORKS]:
        _network(deck, network, extras, text)
    _training(deck, facts, text)
    _results(deck, facts, text)
    _mistakes(deck, facts, extras, text)
    _cost(deck, facts, extras, text)
    slide = deck.slide(text("sections.threats"))
    deck.bullets(slide, threats(facts, text), LEFT, TOP, WIDTH, BOTTOM - TOP)
    slide = deck.slide(text("sections.conclusion"), notes=reproduce.versions(facts, text))
    lines = prose.summary(facts, text)
    if len(facts.networks) > MAX_NETWORKS:
        names = [network.name for network in facts.networks[MAX_NETWORKS:]]
        lines.append(text("slides.more_networks", networks=text.join(names)))
    if 0 < len(facts.comparison.command) <= MAX_COMMAND:
        lines.append(text("slides.again", command=facts.comparison.command))
    deck.bullets(slide, lines, LEFT, TOP, WIDTH, BOTTOM - TOP)
    return deck.save()


def _data(deck: Deck, facts: Facts, extras: Extras, text: Text) -> None:
    slide = deck.slide(text("sections.data"))
    picture = extras.data.samples
    width = HALF if picture else WIDTH
    deck.bullets(slide, prose.data(facts, extras, text), LEFT, TOP, width, BOTTOM - TOP)
    if picture:
        deck.draw(slide, picture, LEFT + HALF + 0.3, TOP, HALF, BOTTOM - TOP)


def _network(deck: Deck, network: NetworkFacts, extras: Extras, text: Text) -> None:
    sources = [reference(key) for key in prose.papers(network, text)]
    slide = deck.slide(network.name, notes=[*sources, text("pictures.boxes")])
    lines = [line for line in (prose.why(network, text), prose.numbers(network, text)) if line]
    diagram = extras.of(network.name).slide_diagram
    height = 2.6 if diagram else BOTTOM - TOP
    deck.bullets(slide, lines, LEFT, TOP, WIDTH, height)
    if diagram:
        deck.draw(slide, diagram, LEFT, TOP + height + 0.05, WIDTH, BOTTOM - TOP - height - 0.05)


def _training(deck: Deck, facts: Facts, text: Text) -> None:
    slide = deck.slide(text("sections.training"), notes=[text("training.how")])
    missing = not_validated(facts, text)
    if not any(network.curves[0].val for network in facts.networks):
        deck.bullets(slide, missing, LEFT, TOP, WIDTH, BOTTOM - TOP)
        return
    for column, by in enumerate(("epoch", "seconds")):
        _curves(deck, slide, facts, text, by=by, left=LEFT + column * (HALF + 0.3))
    if facts.target is None:
        deck.bullets(slide, missing, LEFT, 4.75, WIDTH, BOTTOM - 4.75)
        return
    target = text("training.reached", target=percent(facts.target, digits=1))
    deck.write(slide, target, LEFT, 4.75, WIDTH, 0.5, sizes=(16, 14, 12))
    deck.table(slide, tables.reached_table(facts, text), 5.2)


def _curves(deck: Deck, slide: "Slide", facts: Facts, text: Text, *, by: str, left: float) -> None:
    """Add validation errors over epochs or seconds as a native chart, of the first seed of each network."""
    from pptx.chart.data import XyChartData
    from pptx.dml.color import RGBColor
    from pptx.enum.chart import XL_CHART_TYPE, XL_LEGEND_POSITION
    from pptx.oxml.ns import qn
    from pptx.util import Inches, Pt

    data: Any = XyChartData()
    errors = []
    for network in facts.networks:
        if not network.curves[0].val:
            continue
        series = data.add_series(network.name)
        for point in network.curves[0].val:
            errors.append(max(100 * (1 - point[3]), SMALLEST_ERROR))
            series.add_data_point(point[0 if by == "epoch" else 1], round(errors[-1], 3))
    place = Inches(left), Inches(TOP - 0.05), Inches(HALF), Inches(3.3)
    frame: Any = slide.shapes.add_chart(XL_CHART_TYPE.XY_SCATTER_LINES, *place, data)
    frame._element.nvGraphicFramePr.cNvPr.set("descr", text("slides.curves", by=text(f"charts.{by}")))
    chart = frame.chart
    deck.style_chart(chart, 12)
    chart.has_title = False
    chart.has_legend = True
    chart.legend.position, chart.legend.include_in_layout = XL_LEGEND_POSITION.BOTTOM, False
    for axis, words in (
        (chart.category_axis, text(f"charts.{by}")),
        (chart.value_axis, text("slides.val_error")),
    ):
        axis.has_title = True
        axis.axis_title.text_frame.text = words
        deck.style_chart_title(axis.axis_title)
    chart.category_axis.minimum_scale = 0
    chart.category_axis.has_major_gridlines = False
    scaling = chart.value_axis._element.find(qn("c:scaling"))
    scaling.insert(0, scaling.makeelement(qn("c:logBase"), {"val": "10"}))
    chart.value_axis.minimum_scale = _power_below(min(errors))
    chart.value_axis.maximum_scale = 10 * _power_below(max(errors))
    # Words of the axis stand at its foot, also where 1 % lies above it.
    crosses = chart.category_axis._element.find(qn("c:crosses"))
    if crosses is not None:
        crosses.set("val", "min")
    chart.value_axis.format.line.color.rgb = RGBColor.from_string("595959")
    chart.value_axis.major_gridlines.format.line.color.rgb = RGBColor.from_string("D9D9D9")
    for index, series in enumerate(chart.plots[0].series):
        colour = RGBColor.from_string(COLOURS[index % len(COLOURS)])
        series.format.line.color.rgb, series.format.line.width = colour, Pt(2)
        series.marker.size = 5
        series.marker.format.fill.solid()
        series.marker.format.fill.fore_color.rgb = colour
        series.marker.format.line.color.rgb = colour
        series.smooth = False


def _power_below(value: float) -> float:
    """Return the power of ten at or below a number."""
    power = 1.0
    while power > value:
        power /= 10
    while power * 10 <= value:
        power *= 10
    return power


def _results(deck: Deck, facts: Facts, text: Text) -> None:
    notes = [text("results.classes_note")]
    if len(facts.networks) > 1 and len(facts.comparison.seeds) > 2:
        notes.insert(0, text("results.effect_note", first=facts.networks[0].name))
    if len(facts.comparison.seeds) > 1 and tables.has_ensembles(facts):
        notes.append(text("results.together_note"))
    slide = deck.slide(text("sections.results"), notes=notes)
    end = deck.table(slide, tables.results_table(facts, text), TOP)
    lines = [prose.verdict(one, facts.comparison.networks[0], text) for one in facts.comparison.networks[1:]]
    lines = lines or prose.summary(facts, text)
    if len(facts.comparison.seeds) > 1:
        end = deck.table(slide, tables.seeds_table(facts, text), end + 0.3)
    deck.bullets(slide, lines, LEFT, end + 0.25, WIDTH, BOTTOM - end - 0.25)


def _mistakes(deck: Deck, facts: Facts, extras: Extras, text: Text) -> None:
    slide = deck.slide(text("sections.mistakes"), notes=[text("pictures.colours")])
    table = tables.confused_table(facts, text, most=MAX_CONFUSED)
    pixels = next((extra.slide_pixels for extra in extras.networks.values() if extra.slide_pixels), None)
    end = TOP
    width = WIDTH - PICTURE - 0.3 if pixels else WIDTH
    if table.rows:
        end = deck.table(slide, table, TOP, width=width)
    lines: Sequence[str] = [
        text("results.no_mistakes", network=network.name)
        for network in facts.networks
        if not network.confused
    ]
    if pixels:
        lines = [*lines, text("mistakes.pixels")]
        deck.draw(slide, pixels, LEFT + WIDTH - PICTURE, TOP, PICTURE, BOTTOM - TOP)
    deck.bullets(slide, lines, LEFT, end + 0.2, width, BOTTOM - end - 0.2)


def _cost(deck: Deck, facts: Facts, extras: Extras, text: Text) -> None:
    notes = [text("cost.times"), prose.calibration(text), text("calibration.temperature_note")]
    slide = deck.slide(text("sections.cost"), notes=notes)
    end = deck.table(slide, tables.costs_table(facts, extras, text), TOP)
    deck.write(slide, text("sections.calibration"), LEFT, end + 0.35, WIDTH, 0.45, sizes=(20,))
    end = deck.table(slide, tables.calibration_table(facts, extras, text), end + 0.85)
    lines = [prose.calibration(text)]
    latency = next((extra.latency for extra in extras.networks.values() if extra.latency), None)
    if latency:
        lines.append(
            text(
                "cost.latency_note",
                processor=latency.processor,
                threads=latency.threads,
                passes=latency.num_passes,
            )
        )
    deck.bullets(slide, lines, LEFT, end + 0.2, WIDTH, BOTTOM - end - 0.2)
