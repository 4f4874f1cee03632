"""A sweep of the learning rate: the loss while the rate rises from step to step, and the rate it suggests.

The learning-rate range test of L. Smith, "Cyclical Learning Rates for Training Neural Networks",
arXiv:1506.01186, section 3.3. Deviations: the rate rises by the same factor at each step, not by the same
amount; the training loss is looked at, not the validation accuracy.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from statistics import fmean
from typing import Any

import torch

from cnnlab.config import RunConfig
from cnnlab.data import Dataset
from cnnlab.errors import CheckFailedError, ConfigError
from cnnlab.training.batches import TrainingBatches, network_size
from cnnlab.training.candidates import batch_to_learn
from cnnlab.training.execution import Execution, choose_execution
from cnnlab.training.loop import Stopwatch
from cnnlab.training.optimizers import set_lr
from cnnlab.training.plan import Plan, make_plan
from cnnlab.training.progress import Progress
from cnnlab.training.state import Tally, TrainingState, new_state
from cnnlab.training.steps import seed_dropout, train_step

MIN_STEPS = 20
MAX_STEPS = 100_000
"""With fewer, neighbouring rates are too far apart to tell noise from a trend."""

WINDOW = 5
"""Losses whose mean is compared while the sweep goes on, and at least as many for the smoothed curve."""

EXPLOSION = 4.0
"""A loss of so many times the lowest, and above where it started, ends the sweep."""

LEAST_FALL = 0.1
"""Share of the first loss by which it must have fallen for a rate to be suggested."""


@dataclass(frozen=True)
class LrSweep:
    """The loss against the learning rate.

    Attributes:
        lrs: rates of the updates, rising by the same factor; up to the explosion.
        losses: mean loss of each batch, in nats, before its update.
        has_exploded: the loss left the finite numbers or grew beyond its beginning, which ended the sweep.
        batch_size: images per step; a rate goes with it.
    """

    lrs: tuple[float, ...]
    losses: tuple[float, ...]
    has_exploded: bool
    batch_size: int

    @property
    def smoothed(self) -> list[float]:
        """Each loss averaged with as many before as after it, so that nothing is moved along the rates."""
        reach, last = max(WINDOW // 2, len(self.losses) // 40), len(self.losses) - 1
        spans = ((place, min(reach, place, last - place)) for place in range(last + 1))
        return [fmean(self.losses[place - span : place + span + 1]) for place, span in spans]

    @property
    def lowest_at(self) -> float:
        """The rate at which the smoothed loss is lowest: about the largest that training bears."""
        smoothed = self.smoothed
        return self.lrs[smoothed.index(min(smoothed))]

    @property
    def suggestion(self) -> float | None:
        """The rate, to two digits, at which the smoothed loss falls fastest on its way to its lowest.

        How fast is the fall over a tenth of the steps, against the logarithm of the rate; so the rate is
        below `lowest_at` by a twentieth of the steps at least. None if the loss never fell by `LEAST_FALL`.
        """
        smoothed = self.smoothed
        lowest = smoothed.index(min(smoothed))
        start = min(self.losses[0], fmean(self.losses[:WINDOW]))  # before any update, or of a few
        if lowest == 0 or smoothed[lowest] > (1.0 - LEAST_FALL) * start:
            return None
        so_far = list(accumulate(smoothed, min))  # what only comes back from a bump is no fall
        reach = max(1, len(self.losses) // 20)
        places = range(reach, max(reach, lowest - reach) + 1)
        falls = [so_far[place - reach] - so_far[place + reach] for place in places]
        return float(f"{self.lrs[places[falls.index(max(falls))]]:.2g}")

    def as_dict(self) -> dict[str, Any]:
        """Return all of it for JSON."""
        return {
            "suggestion": self.suggestion,
            "lowest_at": self.lowest_at,
            "has_exploded": self.has_exploded,
            "batch_size": self.batch_size,
            "lrs": list(self.lrs),
            "losses": list(self.losses),
            "smoothed": self.smoothed,
        }


def check_range(lowest: float, highest: float, num_steps: int) -> None:
    """Refuse a range that cannot be swept.

    Raises:
        ConfigError: the rates are not positive, finite and rising, or there are too few or too many steps.
    """
    if not (1e-12 <= lowest < highest <= 1e6):
        raise ConfigError(
            "lowest, highest: learning rates must be 1e-12 to 1e6, the second above the first. "
            f"Received: {lowest:g} and {highest:g}."
        )
    if not MIN_STEPS <= num_steps <= MAX_STEPS:
        raise ConfigError(f"steps: a sweep takes {MIN_STEPS} to {MAX_STEPS:,}. Received: {num_steps}.")


def sweep_lr(
    config: RunConfig, train: Dataset, *, lowest: float, highest: float, progress: Progress
) -> LrSweep:
    """Train from fresh weights for `train.steps` updates while the rate rises; nothing is kept.

    Batches, starting weights and dropout are those of a run of this config; its rate and schedule are not
    used, nor its moving average.

    Args:
        config: what would be run; `train.steps` is the length of the sweep.
        train: the training images.
        lowest: rate of the first update.
        highest: rate of the last.
        progress: told of each step.

    Raises:
        ConfigError: the range, the network or its arguments are wrong, or augmentation does not fit.
        CheckFailedError: not even the first losses are finite.
    """
    assert config.train.steps is not None
    num_steps = config.train.steps
    config = config.with_changes({"train.candidates": 1})  # the losses jump where they begin
    check_range(lowest, highest, num_steps)
    execution = choose_execution(config)
    plan = make_plan(config, len(train))
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        state = new_state(
            config,
            execution,
            in_channels=train.in_channels,
            num_classes=train.num_classes,
            image_size=network_size(config.data, train),
        )
        batches = TrainingBatches(train, config, plan, execution)
        state.start_from_images(batches)
        title = f"{config.model.name} on {train.name}, {execution.summary}, rates {lowest:g} to {highest:g}"
        progress.start(title, plan, step=0, seconds_left=None)
        factor = (highest / lowest) ** (1 / (num_steps - 1))
        lrs = [lowest * factor**step for step in range(num_steps)]
        try:
            losses = _losses(lrs, config, state, batches, plan, execution, progress)
        finally:
            progress.stop()
    if len(losses) < WINDOW:
        raise CheckFailedError(
            f"{config.model.name}: the loss left the finite numbers at step {len(losses) + 1}, at a rate of "
            f"{lrs[len(losses)]:.3g}; begin with a lower rate. Received: lowest={lowest:g}."
        )
    has_exploded = len(losses) < num_steps or _has_exploded(losses)
    return LrSweep(tuple(lrs[: len(losses)]), tuple(losses), has_exploded, plan.batch_size)


def _losses(
    lrs: Sequence[float],
    config: RunConfig,
    state: TrainingState,
    batches: TrainingBatches,
    plan: Plan,
    execution: Execution,
    progress: Progress,
) -> list[float]:
    """Return the loss of one step after the other at these rates, until it explodes."""
    losses: list[float] = []
    stopwatch = Stopwatch()
    state.model.train()
    for step, lr in enumerate(lrs):
        batch = batch_to_learn(batches, step, state.model, execution)
        set_lr(state.optimizer, lr)
        seed_dropout(config.seed, step)
        loss, num_correct = train_step(
            state.model, state.optimizer, batch, config, execution, class_weights=batches.class_weights
        )
        if not loss.isfinite():
            break
        losses.append(loss.item())
        state.tally.add(loss.item(), int(num_correct), len(batch.labels), stopwatch.lap())
        seen = {"loss": state.tally.mean_loss, "top1": state.tally.top1}
        progress.step(step + 1, **seen, images_per_s=state.tally.images_per_s)
        if plan.is_log_step(step + 1):
            progress.log(step + 1, **seen, lr=lr, images_per_s=state.tally.images_per_s)
            state.tally = Tally()
        if _has_exploded(losses):
            break
    return losses


def _has_exploded(losses: Sequence[float]) -> bool:
    """Tell whether the newest losses are far above the lowest, and above the first."""
    if len(losses) < 2 * WINDOW:
        return False
    means = [fmean(losses[end - WINDOW : end]) for end in range(WINDOW, len(losses) + 1)]
    start = min(losses[0], means[0])  # the first loss is that of weights which no rate has touched
    return means[-1] > max(EXPLOSION * min(start, *means), start)
