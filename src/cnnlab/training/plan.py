"""How long a run is and when it looks up from its steps: arithmetic on the config alone."""

from dataclasses import dataclass

from cnnlab.config import RunConfig, TrainConfig


@dataclass(frozen=True)
class Plan:
    """The lengths of a run, in steps.

    Attributes:
        batch_size: images per step.
        steps_per_epoch: whole batches in the training images; the rest of an epoch's order is left out.
        num_steps: updates in the whole run.
        val_every: steps between two validations.
        log_every: steps between two lines of metrics.
        candidates: batches that a step looks at, from step `candidates_from` (from 0) on.
        candidates_from: before it, a step looks at one.
    """

    batch_size: int
    steps_per_epoch: int
    num_steps: int
    val_every: int
    log_every: int
    candidates: int = 1
    candidates_from: int = 0

    def batches_of(self, step: int) -> range:
        """Return the batches (from 0, over all epochs) that step `step` (from 0) looks at."""
        start = step + (self.candidates - 1) * max(0, step - self.candidates_from)
        return range(start, start + (self.candidates if step >= self.candidates_from else 1))

    def epoch_of(self, batch: int) -> int:
        """Return the epoch (from 0) that a batch (from 0, over all epochs) belongs to."""
        return batch // self.steps_per_epoch

    def epochs_at(self, done: int) -> float:
        """Return the passes over the training images that `done` updates have looked at."""
        return self.batches_of(done).start / self.steps_per_epoch

    def is_log_step(self, done: int) -> bool:
        """Tell whether metrics are due after `done` updates."""
        return done % self.log_every == 0 or done == self.num_steps

    def is_val_step(self, done: int) -> bool:
        """Tell whether a validation is due after `done` updates."""
        return done % self.val_every == 0 or done == self.num_steps


def make_plan(config: RunConfig, num_images: int) -> Plan:
    """Return the plan of a run over `num_images` training images."""
    train = config.train
    batch_size = min(train.batch_size, num_images)
    steps_per_epoch = num_images // batch_size
    num_steps = train.steps or max(1, round((train.epochs or 0) * steps_per_epoch / _batches_per_step(train)))
    return Plan(
        batch_size,
        steps_per_epoch,
        num_steps,
        train.val_every or steps_per_epoch,
        train.log_every,
        train.candidates,
        round(train.candidates_from * num_steps) if train.candidates > 1 else 0,
    )


def _batches_per_step(train: TrainConfig) -> float:
    """Return how many batches a step looks at on average: one before `candidates_from`, then several."""
    return train.candidates_from + (1.0 - train.candidates_from) * train.candidates


def plan_notes(config: RunConfig, plan: Plan, num_images: int) -> list[str]:
    """Return what a user should know where the plan is not what the config asks for, one line each."""
    train, notes = config.train, []
    if train.batch_size > num_images:
        notes.append(
            f"train.batch_size: {train.batch_size:,} is more than the {num_images:,} training images; "
            f"every step takes {plan.batch_size:,}."
        )
    if train.epochs is not None and train.epochs * plan.steps_per_epoch < _batches_per_step(train):
        notes.append(f"train.epochs: {train.epochs:g} epochs are less than one step; one step is done.")
    return notes
