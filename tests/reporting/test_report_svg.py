"""Charts: round ticks, places, and everything that a reader of SVG needs."""

import math
from xml.etree import ElementTree

import pytest

from cnnlab.reporting.report.svg import (
    Axis,
    Line,
    interval_chart,
    legend,
    line_chart,
    matrix_chart,
    round_ticks,
)


def axis(low=0.0, high=10.0, **more):
    return Axis("x", low, high, round_ticks(low, high), lambda tick: f"{tick:g}", **more)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.0, 10.0, [0, 2, 4, 6, 8, 10]),
        (0.0, 1.0, [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (0.988, 0.9961, [0.988, 0.99, 0.992, 0.994, 0.996]),
        (3.0, 3.0, [3.0]),
    ],
)
def test_round_ticks(low, high, expected):
    assert round_ticks(low, high) == pytest.approx(expected)


def test_an_axis_may_be_logarithmic():
    errors = axis(0.001, 0.1, height=math.log)
    assert errors.share(0.001) == 0.0 and errors.share(0.1) == pytest.approx(1.0)
    assert errors.share(0.01) == pytest.approx(0.5)


def test_lines_run_from_left_to_right_and_upwards():
    line = Line("a & b", [(0.0, 0.0, "first <1>"), (10.0, 10.0, "last")], 0)
    picture = ElementTree.fromstring(line_chart([line], axis(), axis(), title='"quoted" & <more>'))
    assert picture.get("aria-label") == '"quoted" & <more>'
    circles = [part for part in picture.iter() if part.tag == "circle"]
    (first, last) = ((float(part.get("cx")), float(part.get("cy"))) for part in circles)
    assert first[0] < last[0] and first[1] > last[1]
    assert [part.findtext("title") for part in circles] == ["first <1>", "last"]
    assert "a &amp; b" in legend([line])


def test_an_interval_spans_its_ends():
    rows = [("one", 5.0, 4.0, 7.0), ("other", 6.0, 5.5, 6.5)]
    picture = ElementTree.fromstring(interval_chart(rows, axis(), title="t"))
    circles = [part for part in picture.iter() if part.tag == "circle"]
    assert float(circles[0].get("cx")) < float(circles[1].get("cx"))
    assert circles[0].findtext("title") == "one: 5 (4, 7)"


def test_a_matrix_has_a_cell_for_each_pair():
    cells = [[50, 2], [0, 40]]
    picture = ElementTree.fromstring(matrix_chart(cells, ["cat", "dog"], title="t", labels=("true", "said")))
    titles = [part.findtext("title") for part in picture.iter() if part.tag == "rect"]
    assert titles == ["cat → cat: 50", "cat → dog: 2", "dog → cat: 0", "dog → dog: 40"]
    classes = [part.get("class") for part in picture.iter() if part.tag == "rect"]
    assert classes == ["right", "wrong", "wrong", "right"]
