"""Charts of a report: where points lie on an axis of errors."""

import re
from types import SimpleNamespace

import pytest

from cnnlab.reporting.report.charts import accuracy_chart
from cnnlab.reporting.text import Text


def chart(top1):
    points = tuple((1.0 + n, 10.0 * n, 0.1, value) for n, value in enumerate(top1))
    curve = SimpleNamespace(seed=0, val=points)
    return accuracy_chart([SimpleNamespace(name="net", curves=(curve,))], Text("en"), by="epoch")


@pytest.mark.parametrize("top1", [(0.90, 0.98, 1.0), (1.0, 1.0), (0.9, 0.99, 0.99975), (0.1, 0.2)])
def test_no_point_leaves_the_chart(top1):
    picture = chart(top1)
    width, height = map(float, re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', picture).groups())
    places = [
        tuple(map(float, found)) for found in re.findall(r'<circle cx="([-\d.]+)" cy="([-\d.]+)"', picture)
    ]
    assert len(places) == len(top1)
    assert all(0 <= x <= width and 0 < y < height for x, y in places)
    heights = [y for _x, y in places]
    assert heights == sorted(heights, reverse=True)  # the better, the higher


def test_what_lies_beyond_the_axis_is_marked_on_it():
    assert "≥ 99.95" in chart((0.9, 0.99, 1.0))
    assert "≥" not in chart((0.9, 0.99, 0.9990))
