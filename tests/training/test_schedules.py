import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnlab.config import ScheduleConfig
from cnnlab.training.schedules import lr_factor


def curve(num_steps: int, **schedule) -> list[float]:
    return [lr_factor(ScheduleConfig(**schedule), step, num_steps) for step in range(num_steps)]


def test_constant():
    assert curve(5, name="constant") == [1.0] * 5


def test_cosine_by_hand():
    # cos(0), cos(pi/4), cos(pi/2), cos(3 pi/4), cos(pi), moved and halved
    root = math.sqrt(2) / 4
    assert curve(5, name="cosine") == pytest.approx([1, 0.5 + root, 0.5, 0.5 - root, 0], abs=1e-15)
    assert curve(3, name="cosine", final=0.2) == pytest.approx([1, 0.6, 0.2])


def test_warmup_rises_in_a_line_to_the_curve():
    # a fifth of 10 steps: from 0.04 up, at its top in step 2
    factors = curve(10, name="constant", warmup=0.2)
    assert factors == pytest.approx([0.04, 0.52, *[1.0] * 8])
    factors = curve(10, name="cosine", warmup=0.2, start=0.0)
    assert factors[:3] == pytest.approx([0, 0.5, 1])
    assert factors[-1] == pytest.approx(0, abs=1e-15)
    # between: half a cosine over the 7 intervals from step 2 to step 9
    assert factors[4] == pytest.approx(0.5 * (1 + math.cos(math.pi * 2 / 7)))


def test_steps():
    factors = curve(100, name="step", milestones=(0.5, 0.75), gamma=0.1)
    assert factors[0] == factors[49] == 1.0
    assert factors[50] == factors[74] == pytest.approx(0.1)
    assert factors[75] == factors[99] == pytest.approx(0.01)
    assert curve(4, name="step", milestones=(), gamma=0.1) == [1.0] * 4
    assert curve(4, name="step", milestones=(0.0,), gamma=0.5) == [0.5] * 4
    assert curve(4, name="step", milestones=(1.0,), gamma=0.5) == [1.0] * 4
    # after a warm-up
    factors = curve(10, name="step", milestones=(0.4, 0.8), gamma=0.5, warmup=0.1, start=0.0)
    assert factors == pytest.approx([0, 1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25])


def test_one_cycle_by_hand():
    # up over the first 3 of 10 steps, a third of half a cosine each; then down to the last step
    factors = curve(10, name="one-cycle", peak_at=0.3, start=0.04)
    assert factors[:4] == pytest.approx([0.04, 1 - 0.96 * 0.75, 1 - 0.96 * 0.25, 1])
    assert factors[6] == pytest.approx(0.5)
    assert factors[9] == pytest.approx(0, abs=1e-15)
    assert max(factors) == factors[3] == 1.0


def test_triangle_by_hand():
    # up over the first 2 of 10 steps, then down along a line that would be at 0 in step 10
    factors = curve(10, name="triangle", peak_at=0.2, start=0.2)
    assert factors == pytest.approx([0.2, 0.6, 1, 7 / 8, 6 / 8, 5 / 8, 4 / 8, 3 / 8, 2 / 8, 1 / 8])
    assert curve(4, name="triangle", peak_at=0.0, final=0.2) == pytest.approx([1, 0.8, 0.6, 0.4])


@pytest.mark.parametrize("peak_at", [0.0, 0.3, 0.5, 1.0])
def test_one_cycle_peaks_where_it_is_told(peak_at):
    factors = curve(1000, name="one-cycle", peak_at=peak_at, start=0.1, final=0.01)
    peak = min(round(peak_at * 1000), 999)
    assert factors.index(max(factors)) == peak
    assert max(factors) == pytest.approx(1.0, abs=1e-4)
    assert factors[0] == pytest.approx(0.1 if peak_at else 1.0)
    if peak_at < 1:
        assert factors[-1] == pytest.approx(0.01)


@pytest.mark.parametrize("name", ["constant", "step", "cosine", "one-cycle", "triangle"])
@pytest.mark.parametrize("num_steps", [1, 2, 3])
def test_runs_of_a_few_steps(name, num_steps):
    factors = curve(num_steps, name=name)
    assert all(0.0 <= factor <= 1.0 for factor in factors)
    assert max(factors) > 0


@settings(max_examples=300, deadline=None)
@given(data=st.data(), num_steps=st.integers(1, 400))
def test_never_negative_never_above_the_peak(data, num_steps):
    fraction = st.floats(0.0, 1.0)
    name = data.draw(st.sampled_from(["constant", "step", "cosine", "one-cycle", "triangle"]))
    schedule = ScheduleConfig(
        name=name,
        warmup=0.0 if name in ("one-cycle", "triangle") else data.draw(fraction),
        start=data.draw(fraction),
        peak_at=data.draw(fraction),
        final=data.draw(fraction),
        gamma=data.draw(fraction),
        milestones=tuple(sorted(data.draw(st.sets(fraction, max_size=3)))),
    )
    for step in range(num_steps):
        assert 0.0 <= lr_factor(schedule, step, num_steps) <= 1.0 + 1e-12
