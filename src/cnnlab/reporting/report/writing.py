"""How a report writes numbers."""

from collections.abc import Sequence

from cnnlab.evaluation import NetworkResult
from cnnlab.evaluation.paired import MIN_SEEDS_FOR_T, SAME


def percent(share: float, *, digits: int = 2) -> str:
    """Return a share in per cent."""
    return f"{share:.{digits}%}"


def p_value(p: float) -> str:
    """Return a p value as papers write it."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def points(difference: float) -> str:
    """Return a difference of shares in percentage points, with its sign."""
    return f"{100 * difference:+.2f}".replace("-", "−")  # noqa: RUF001 # a minus as wide as the plus


def interval(ends: Sequence[float]) -> str:
    """Return the ends of an interval of shares."""
    return "–".join(map(percent, ends))  # noqa: RUF001 # the dash of ranges


def duration(seconds: float) -> str:
    """Return a time in the unit that suits it."""
    if seconds < 100:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.1f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def verdict_key(result: NetworkResult) -> str:
    """Return what came out of a test against the first network.

    It is `better`, `worse` or `equal`; of single runs, where seeds are too few, `higher` or `lower`;
    `untested` where no test could be made.
    """
    test = result.test
    if test is None:
        return "untested"
    if test.verdict == SAME:
        return "equal"
    if len(result.top1) < MIN_SEEDS_FOR_T:
        return "higher" if test.difference > 0 else "lower"
    return "better" if test.difference > 0 else "worse"
