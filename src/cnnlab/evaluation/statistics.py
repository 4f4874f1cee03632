"""Statistics of comparisons: how sure a score is, and whether two networks differ.

Two kinds of chance are kept apart. Over *images*: another test set would give another score (Wilson,
McNemar). Over *seeds*: another start of the training would (t interval, paired t test).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean, stdev

CONFIDENCE = 0.95
SIGNIFICANCE = 0.05


@dataclass(frozen=True)
class Interval:
    """A mean with its confidence interval, all in the unit of the values.

    Attributes:
        mean: the estimate.
        low: lower end; None where the values cannot tell.
        high: upper end; likewise.
    """

    mean: float
    low: float | None
    high: float | None


def mean_interval(
    values: Sequence[float], *, confidence: float = CONFIDENCE, resolution: float = 0.0
) -> Interval:
    """Return the mean and its t interval; without an interval for a single value.

    Three seeds with the same number of right answers have no spread at all, which would make chance
    certainty. So the spread is taken to be at least what rounding to `resolution` causes: an error, uniform
    over one unit, of variance 1/12.

    Args:
        values: one per seed, at least one.
        confidence: probability that the interval covers the mean over all seeds.
        resolution: the smallest difference that two values can have, such as 1 / num_images.

    Source: W. F. Sheppard, 1898, for the rounding.
    """
    mean = fmean(values)
    num = len(values)
    if num < 2:
        return Interval(mean, None, None)
    spread = max(stdev(values), resolution / math.sqrt(12))
    half = _t_quantile((1 + confidence) / 2, num - 1) * spread / math.sqrt(num)
    return Interval(mean, mean - half, mean + half)


def next_interval(
    values: Sequence[float], *, confidence: float = CONFIDENCE, resolution: float = 0.0
) -> Interval:
    """Return where one more value lies, from at least two; as wide as the spread, however many there are.

    The mean's interval says where the mean over all seeds lies. Whether a single run of somebody else's can
    be one of these is another question: its own chance counts in full.

    Args:
        values: one per seed, at least two.
        confidence: probability that the interval covers the next value.
        resolution: the smallest difference that two values can have; see `mean_interval`.

    Source: G. J. Hahn, J. Amer. Statist. Assoc. 64, 878-888, 1969, the prediction interval of one value.
    """
    mean, num = fmean(values), len(values)
    spread = max(stdev(values), resolution / math.sqrt(12))
    half = _t_quantile((1 + confidence) / 2, num - 1) * spread * math.sqrt(1 + 1 / num)
    return Interval(mean, mean - half, mean + half)


def wilson_interval(num_correct: int, num_images: int, *, confidence: float = CONFIDENCE) -> Interval:
    """Return a share of images and its Wilson score interval, which stays inside [0, 1].

    Source: E. B. Wilson, J. Amer. Statist. Assoc. 22, 209-212, 1927; without continuity correction.
    """
    share = num_correct / num_images
    z2 = NormalDist().inv_cdf((1 + confidence) / 2) ** 2
    centre = (share + z2 / (2 * num_images)) / (1 + z2 / num_images)
    spread = share * (1 - share) / num_images + z2 / (4 * num_images**2)
    half = math.sqrt(z2 * spread) / (1 + z2 / num_images)
    return Interval(share, max(0.0, centre - half), min(1.0, centre + half))


def mcnemar(correct_a: Sequence[bool], correct_b: Sequence[bool]) -> float:
    """Return the p value of the exact McNemar test: do two networks err on the same number of images?

    Only images that exactly one of the two classifies right count; under the null hypothesis each of them
    falls to either side with probability 1/2. Two-sided, from whole numbers, so that no rounding enters.

    Args:
        correct_a: per image, whether the first network is right.
        correct_b: the same for the second, in the same order.

    Source: Q. McNemar, Psychometrika 12, 153-157, 1947; the exact binomial form.
    """
    only_a = sum(bool(a) and not b for a, b in zip(correct_a, correct_b, strict=True))
    only_b = sum(bool(b) and not a for a, b in zip(correct_a, correct_b, strict=True))
    num = only_a + only_b
    ways = sum(math.comb(num, k) for k in range(min(only_a, only_b) + 1))
    return min(1.0, 2 * ways / 2**num)


def paired_t(values_a: Sequence[float], values_b: Sequence[float], *, resolution: float = 0.0) -> float:
    """Return the p value of the two-sided paired t test.

    Three seeds that differ by the same few images have no spread at all, which would make chance certainty.
    So the spread of the differences is taken to be at least what rounding to `resolution` causes: two errors,
    each uniform over one unit, of variance 1/12.

    Args:
        values_a: the first network's scores, one per seed, at least two.
        values_b: the second's, for the same seeds in the same order.
        resolution: the smallest difference that two scores can have, such as 1 / num_images.

    Source: Student (W. S. Gosset), Biometrika 6, 1-25, 1908; W. F. Sheppard, 1898, for the rounding.
    """
    differences = [b - a for a, b in zip(values_a, values_b, strict=True)]
    num, mean = len(differences), fmean(differences)
    error = max(stdev(differences), resolution / math.sqrt(6)) / math.sqrt(num)
    # Fractions of up to millions of images: differences of less than 1e-12 are the rounding of float64.
    if abs(mean) < 1e-12:
        return 1.0
    return 2 * _t_cdf(-abs(mean) / error, num - 1) if error > 1e-13 else 0.0


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p values of a family of tests such that one below 5 % anywhere in it comes by chance in 5 %.

    The least is multiplied by the number of tests, the next by one less, and so on; none gets below one that
    was smaller, nor above 1.

    Args:
        p_values: of each test by itself.

    Source: S. Holm, Scand. J. Statist. 6, 65-70, 1979.
    """
    adjusted, largest = [0.0] * len(p_values), 0.0
    for rank, at in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, (len(p_values) - rank) * p_values[at])
        adjusted[at] = min(1.0, largest)
    return adjusted


def effect_size(values_a: Sequence[float], values_b: Sequence[float], *, resolution: float = 0.0) -> float:
    """Return Cohen's d_z: the mean of b - a over the standard deviation of these paired differences.

    It tells how steady a difference is over seeds, not how large: one of a tenth of a point that every seed
    shows has a large d_z. Cohen's words small, medium and large, for 0.2, 0.5 and 0.8, are for independent
    groups, whose d divides by the spread of the values themselves. The standard deviation is taken to be at
    least what rounding causes, as in `paired_t`.

    Args:
        values_a: the first network's scores, one per seed, at least two.
        values_b: the second's, for the same seeds in the same order.
        resolution: the smallest difference that two scores can have, such as 1 / num_images.

    Source: J. Cohen, Statistical Power Analysis for the Behavioral Sciences, 1988, section 2.3.5 (d_z).
    """
    differences = [b - a for a, b in zip(values_a, values_b, strict=True)]
    spread = max(stdev(differences), resolution / math.sqrt(6))
    mean = fmean(differences)
    return mean / spread if spread > 0 else math.copysign(math.inf, mean) if mean else 0.0


def t_factor(num_seeds: int, *, confidence: float = CONFIDENCE) -> float:
    """Return how many standard errors of the mean its t interval reaches to either side.

    Args:
        num_seeds: how many values the mean is of, at least two.
        confidence: probability that the interval covers the mean over all seeds.
    """
    return _t_quantile((1 + confidence) / 2, num_seeds - 1)


# scipy.special is imported on use: it takes a tenth of a second that most commands do not need.
def _t_quantile(probability: float, degrees: int) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(degrees, probability))


def _t_cdf(value: float, degrees: int) -> float:
    from scipy.special import stdtr

    return float(stdtr(degrees, value))
