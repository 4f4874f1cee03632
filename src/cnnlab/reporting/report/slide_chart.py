"""Validation errors on a slide as a native chart."""

from typing import TYPE_CHECKING, Any

from cnnlab.reporting.report.deck import COLOURS, Deck
from cnnlab.reporting.report.facts import Facts
from cnnlab.reporting.text import Text

if TYPE_CHECKING:
    from pptx.slide import Slide

FEW = 4  # networks whose names stand in one line
SMALLEST_ERROR = 0.01  # per cent: a logarithmic axis has no 0


def add_curves(
    deck: Deck,
    slide: "Slide",
    facts: Facts,
    text: Text,
    *,
    by: str,
    place: tuple[float, float, float, float],
) -> None:
    """Add validation errors over epochs or seconds as a native chart, of the first seed of each network.

    Args:
        deck: of the slide.
        slide: where it is added.
        facts: with the curves.
        text: the words.
        by: `epoch` or `seconds`.
        place: left, top, width and height in inches.
    """
    from pptx.chart.data import XyChartData
    from pptx.dml.color import RGBColor
    from pptx.enum.chart import XL_CHART_TYPE, XL_LEGEND_POSITION
    from pptx.enum.dml import MSO_LINE
    from pptx.oxml.ns import qn
    from pptx.util import Inches, Pt

    data: Any = XyChartData()
    shown = {network.name: network.curves[0].val for network in facts.networks if network.curves[0].val}
    most, errors = max(map(len, shown.values())), []
    for name, points in shown.items():
        series = data.add_series(name)
        # Each ends with its last point as often as it takes: LibreOffice leaves out the shorter ones.
        for point in (*points, *points[-1:] * (most - len(points))):
            errors.append(max(100 * (1 - point[3]), SMALLEST_ERROR))
            series.add_data_point(point[0 if by == "epoch" else 1], round(errors[-1], 3))
    left, top, width, height = (Inches(length) for length in place)
    frame: Any = slide.shapes.add_chart(XL_CHART_TYPE.XY_SCATTER_LINES, left, top, width, height, data)
    frame._element.nvGraphicFramePr.cNvPr.set("descr", text("slides.curves", by=text(f"charts.{by}")))
    chart = frame.chart
    deck.style_chart(chart, 12)
    chart.has_title = False
    chart.has_legend = True
    # Below it many names would take the chart's place.
    is_below = len(facts.networks) <= FEW
    chart.legend.position = XL_LEGEND_POSITION.BOTTOM if is_below else XL_LEGEND_POSITION.RIGHT
    chart.legend.include_in_layout = False
    if not is_below:
        chart.legend.font.size = Pt(10)
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
        if index >= len(COLOURS):
            series.format.line.dash_style = MSO_LINE.DASH
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
