import math
import random

import numpy as np
import pytest
from scipy import stats

from cnnlab.evaluation import (
    effect_size,
    holm,
    mcnemar,
    mean_interval,
    next_interval,
    paired_t,
    wilson_interval,
)


def test_mean_interval_worked_by_hand():
    interval = mean_interval([1.0, 2.0, 3.0])
    # t(0.975, 2) = 4.302653; standard error 1 / sqrt(3)
    assert interval.mean == 2.0
    assert (interval.low, interval.high) == pytest.approx((2 - 2.484138, 2 + 2.484138), abs=1e-6)


def test_mean_interval_agrees_with_scipy():
    values = [0.981, 0.984, 0.979, 0.986]
    low, high = stats.t.interval(0.95, 3, loc=stats.tmean(values), scale=stats.sem(values))
    interval = mean_interval(values)
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=1e-12)


def test_equal_values_are_not_certainty():
    # t(0.975, 2) = 4.302653, times 1 / (360 sqrt(12)), over sqrt(3): two tenths of a point to either side
    interval = mean_interval([355 / 360] * 3, resolution=1 / 360)
    assert interval.low is not None and interval.high is not None
    assert interval.high - interval.mean == pytest.approx(0.0019920, abs=1e-7)
    assert interval.mean - interval.low == pytest.approx(0.0019920, abs=1e-7)
    wide = [0.95, 0.96, 0.97]
    assert mean_interval(wide, resolution=1 / 360) == mean_interval(wide)


def test_one_value_has_no_interval():
    interval = mean_interval([0.98])
    assert (interval.mean, interval.low, interval.high) == (0.98, None, None)


@pytest.mark.parametrize(("num_correct", "num_images"), [(0, 10), (10, 10), (353, 360), (9_903, 10_000)])
def test_wilson_interval_agrees_with_scipy(num_correct, num_images):
    expected = stats.binomtest(num_correct, num_images).proportion_ci(method="wilson")
    interval = wilson_interval(num_correct, num_images)
    assert interval.mean == num_correct / num_images
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_mcnemar_worked_by_hand():
    # One image only A has right, five only B: P(at most 1 of 6 heads) = 7/64, two sides.
    a = [True] + [False] * 5 + [True] * 20 + [False] * 3
    b = [False] + [True] * 5 + [True] * 20 + [False] * 3
    assert mcnemar(a, b) == mcnemar(b, a) == 14 / 64


def test_mcnemar_agrees_with_scipy_on_many_images():
    generator = random.Random(0)
    a = [generator.random() < 0.70 for _ in range(10_000)]
    b = [generator.random() < 0.71 for _ in range(10_000)]
    only_a = sum(x and not y for x, y in zip(a, b, strict=True))
    only_b = sum(y and not x for x, y in zip(a, b, strict=True))
    assert only_a + only_b > 3_000  # 2 to this power is far beyond a float
    expected = stats.binomtest(only_a, only_a + only_b, 0.5).pvalue
    assert mcnemar(a, b) == pytest.approx(expected, rel=1e-9)


def test_mcnemar_of_equal_answers_is_one():
    assert mcnemar([True, False], [True, False]) == 1.0
    assert mcnemar([True, False], [False, True]) == 1.0  # one against one: 3/2 would be no probability


def test_mcnemar_refuses_answers_to_different_images():
    with pytest.raises(ValueError):
        mcnemar([True], [True, False])


def test_paired_t_agrees_with_scipy():
    a, b = [0.981, 0.984, 0.979], [0.985, 0.986, 0.986]
    assert paired_t(a, b) == pytest.approx(stats.ttest_rel(a, b).pvalue, abs=1e-12)
    assert paired_t(b, a) == pytest.approx(paired_t(a, b), abs=1e-12)


def test_paired_t_worked_by_hand():
    # Differences 1, 2, 3: t = 2 / (1 / sqrt(3)) = 3.4641 with 2 degrees of freedom.
    assert paired_t([0.0, 0.0, 0.0], [1.0, 2.0, 3.0]) == pytest.approx(0.0741799, abs=1e-7)


def test_equal_differences_are_not_certainty():
    a = [350 / 360, 351 / 360, 352 / 360]
    one_more = [value + 1 / 360 for value in a]
    ten_more = [value + 10 / 360 for value in a]
    assert paired_t(a, one_more) == 0.0
    assert paired_t(a, one_more, resolution=1 / 360) == pytest.approx(0.0513, abs=1e-3)
    assert paired_t(a, ten_more, resolution=1 / 360) < 0.01


def test_resolution_does_not_change_a_real_spread():
    a, b = [0.981, 0.984, 0.979], [0.985, 0.986, 0.986]
    assert paired_t(a, b, resolution=1e-4) == paired_t(a, b)


def test_no_difference_cannot_be_told_apart():
    assert paired_t([0.9, 0.8, 0.7], [0.9, 0.8, 0.7], resolution=1e-4) == 1.0


def test_holm_worked_by_hand():
    # In order: 0.005 x 4, 0.01 x 3, 0.03 x 2, 0.04 x 1, which may not be less than the one before.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([0.03]) == [0.03] and holm([]) == []
    assert holm([0.02, 0.02, 0.02]) == pytest.approx([0.06] * 3)


def test_the_next_of_three_values():
    """t of two degrees of freedom at 97.5 % is 4.302653 in any table; the standard deviation is 0.1."""
    interval = next_interval([0.1, 0.2, 0.3])
    half = 4.302653 * 0.1 * math.sqrt(1 + 1 / 3)
    assert (interval.mean, interval.low, interval.high) == pytest.approx((0.2, 0.2 - half, 0.2 + half))
    # Two values, no spread: that of rounding to whole images. t of one degree is 12.706205.
    interval = next_interval([0.5, 0.5], resolution=0.01)
    half = 12.706205 * 0.01 / math.sqrt(12) * math.sqrt(1.5)
    assert (interval.low, interval.high) == pytest.approx((0.5 - half, 0.5 + half))


def test_the_next_value_lies_in_its_interval_as_often_as_it_says():
    generator = np.random.default_rng(0)
    samples = generator.normal(size=(2000, 4))
    inside = 0
    for *seen, following in samples.tolist():
        interval = next_interval(seen)
        assert interval.low is not None and interval.high is not None
        inside += interval.low <= following <= interval.high
    assert 0.935 <= inside / 2000 <= 0.965


def test_effect_size_worked_by_hand():
    # Differences 1, 2, 3: mean 2, deviation 1.
    assert effect_size([0.0, 0.0, 0.0], [1.0, 2.0, 3.0]) == pytest.approx(2.0)
    assert effect_size([1.0, 2.0, 3.0], [0.0, 0.0, 0.0]) == pytest.approx(-2.0)
    assert effect_size([0.5, 0.5], [0.5, 0.5]) == 0.0
    assert effect_size([0.5, 0.5], [0.6, 0.6]) > 1e6
    # Of equal differences the spread is that of two roundings: 1 / (360 sqrt(6)).
    assert effect_size([0.5, 0.5], [0.5 + 1 / 360] * 2, resolution=1 / 360) == pytest.approx(math.sqrt(6))
