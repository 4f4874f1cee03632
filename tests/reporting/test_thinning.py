"""Fewer points of a line: it begins, ends and peaks as before."""

from cnnlab.reporting.report.svg import Axis, Line, line_chart
from cnnlab.reporting.report.thinning import MOST_POINTS, thinned


def points(num):
    return [(float(place), float(place % 7), f"{place}") for place in range(num)]


def test_short_lines_stay_as_they_are():
    some = points(MOST_POINTS)
    assert thinned(some) == some


def test_long_lines_keep_their_ends_and_extremes_in_order():
    some = points(20_000)
    some[7_777] = (7_777.0, 99.0, "peak")
    some[13_131] = (13_131.0, -99.0, "dip")
    kept = thinned(some)
    assert 200 <= len(kept) <= MOST_POINTS
    assert kept[0] == some[0] and kept[-1] == some[-1] and some[7_777] in kept and some[13_131] in kept
    assert kept == sorted(kept) and set(kept) <= set(some)


def test_a_chart_draws_no_more_than_those():
    axis = Axis("x", 0.0, 20_000.0, [], str)
    drawn = line_chart([Line("a", points(20_000), 0)], axis, axis, title="t")
    assert 200 <= drawn.count("<circle") <= MOST_POINTS


def test_the_seventh_line_looks_unlike_the_first():
    styles = [Line("a", [], series).style for series in range(12)]
    assert len(set(styles)) == 12
