"""Fewer points of a line, so that a page of long runs stays small."""

from collections.abc import Sequence

MOST_POINTS = 300
"""Of a line: more cannot be told apart on a screen."""


def thinned(points: Sequence[tuple[float, float, str]]) -> Sequence[tuple[float, float, str]]:
    """Return some 300 points of a line: the first, the last, and what is lowest and highest between.

    Of as many neighbours each the lowest and the highest stay, so that no peak is lost.
    """
    if len(points) <= MOST_POINTS:
        return points
    kept = {0, len(points) - 1}
    num_groups = (MOST_POINTS - 2) // 2
    for group in range(num_groups):
        some = range(group * len(points) // num_groups, (group + 1) * len(points) // num_groups)
        kept |= {min(some, key=lambda place: points[place][1]), max(some, key=lambda place: points[place][1])}
    return [points[place] for place in sorted(kept)]
