"""The learning rate as a pure function of the step."""

import math

from cnnlab.config import ScheduleConfig


def lr_factor(schedule: ScheduleConfig, step: int, num_steps: int) -> float:
    """Return the factor on the peak learning rate at a step.

    Args:
        schedule: which curve.
        step: 0 for the first update, `num_steps - 1` for the last.
        num_steps: updates in the whole run.

    Returns:
        A number in [0, 1]. The one-cycle curve is that of arXiv:1708.07120 with cosines for both ways, as
        is usual since; the momentum is not cycled. The triangle's line would be at `final` one step after the
        last, so that no update is done at a rate of 0.
    """
    if schedule.name == "one-cycle":
        peak_step = round(schedule.peak_at * num_steps)
        if step < peak_step:
            return _cosine(step / peak_step, schedule.start, 1.0)
        return _cosine(_progress(step, peak_step, num_steps), 1.0, schedule.final)
    if schedule.name == "triangle":
        peak_step = round(schedule.peak_at * num_steps)
        if step < peak_step:
            return schedule.start + (1.0 - schedule.start) * step / peak_step
        return 1.0 + (schedule.final - 1.0) * (step - peak_step) / max(1, num_steps - peak_step)
    warmup_steps = round(schedule.warmup * num_steps)
    if step < warmup_steps:
        return schedule.start + (1.0 - schedule.start) * step / warmup_steps
    if schedule.name == "cosine":
        return _cosine(_progress(step, warmup_steps, num_steps), 1.0, schedule.final)
    if schedule.name == "step":
        return schedule.gamma ** sum(step >= round(place * num_steps) for place in schedule.milestones)
    return 1.0


def _progress(step: int, first: int, num_steps: int) -> float:
    """0 at step `first`, 1 at the last step."""
    return (step - first) / max(1, num_steps - 1 - first)


def _cosine(progress: float, start: float, end: float) -> float:
    """Half a cosine from `start` at 0 to `end` at 1."""
    return end + (start - end) * 0.5 * (1.0 + math.cos(math.pi * progress))
