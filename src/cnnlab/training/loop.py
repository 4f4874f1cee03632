"""The training loop: step after step until the run is over, diverges, or is asked to stop."""

import math
import time
from dataclasses import dataclass
from typing import Any

from cnnlab.config import RunConfig
from cnnlab.data import Dataset
from cnnlab.runs import RunFolder, save_checkpoint
from cnnlab.training.batches import TrainingBatches
from cnnlab.training.candidates import batch_to_learn
from cnnlab.training.divergence import bad_images, divergence, first_affected_layer, first_non_finite
from cnnlab.training.execution import Execution
from cnnlab.training.optimizers import set_lr
from cnnlab.training.plan import Plan
from cnnlab.training.progress import Progress
from cnnlab.training.schedules import lr_factor
from cnnlab.training.state import Tally, TrainingState
from cnnlab.training.steps import seed_dropout, train_step, validate
from cnnlab.training.stop import StopRequest


@dataclass(frozen=True)
class Setup:
    """All that stays the same while a run goes on."""

    config: RunConfig
    execution: Execution
    plan: Plan
    val: Dataset
    batches: TrainingBatches
    origin: dict[str, Any]
    folder: RunFolder
    progress: Progress


def run_steps(setup: Setup, state: TrainingState, stop: StopRequest) -> None:
    """Do the steps that are left, with their metrics, validations and checkpoints.

    Raises:
        DivergedError: a loss or a weight is not a finite number; no checkpoint holds it.
        StoppedError: a signal asked to stop; the state is saved.
        MissingResourceError: the disk is full; what was saved before is good.
    """
    config, plan, progress = setup.config, setup.plan, setup.progress
    state.model.train()
    stopwatch = Stopwatch()
    saved_at = state.seconds
    while state.step < plan.num_steps and not _has_stalled(config, state):
        lr = config.optim.lr * lr_factor(config.schedule, state.step, plan.num_steps)
        loss, num_correct, num_images = _step(setup, state, lr)
        seconds = stopwatch.lap()
        state.seconds += seconds
        state.tally.add(loss, num_correct, num_images, seconds)
        tally = state.tally
        progress.step(state.step, loss=tally.mean_loss, top1=tally.top1, images_per_s=tally.images_per_s)

        if plan.is_log_step(state.step):
            _log(setup, state, lr)
        if plan.is_val_step(state.step):
            _validate(setup, state, lr)
        state.seconds += stopwatch.lap()
        is_due = state.seconds - saved_at > config.train.checkpoint_seconds
        if plan.is_val_step(state.step) or is_due or stop.signal is not None:
            _save(setup, state, lr)
            saved_at = state.seconds
            state.seconds += stopwatch.lap()
        if stop.signal is not None and state.step < plan.num_steps:
            raise stop.error(state.step, plan, setup.folder)


def _step(setup: Setup, state: TrainingState, lr: float) -> tuple[float, int, int]:
    """Do one update; return its mean loss, the images classified right, and the images seen.

    Raises:
        DivergedError: the loss is not finite; nothing was updated.
    """
    batches, seed = setup.batches, setup.config.seed
    batch = batch_to_learn(batches, state.step, state.model, setup.execution)
    set_lr(state.optimizer, lr)
    seed_dropout(seed, state.step)
    loss, num_correct = train_step(
        state.model,
        state.optimizer,
        batch,
        setup.config,
        setup.execution,
        class_weights=batches.class_weights,
    )
    if not loss.isfinite():
        if not batch.images.isfinite().all():
            raise bad_images(setup.folder.path, step=state.step + 1)
        seed_dropout(seed, state.step)
        where = first_affected_layer(state.model, batch.images, setup.execution.autocast())
        raise divergence(f"the loss is {loss.item()}", where, setup.folder.path, step=state.step + 1, lr=lr)
    if state.ema is not None:
        state.ema.update_parameters(state.model)
    state.step += 1
    return loss.item(), int(num_correct), len(batch.labels)


def _log(setup: Setup, state: TrainingState, lr: float) -> None:
    """Write the training figures since the last line."""
    tally = state.tally
    figures = {"loss": tally.mean_loss, "top1": tally.top1, "lr": lr, "images_per_s": tally.images_per_s}
    setup.progress.log(state.step, **figures)
    _write_metrics(setup, state, "train", figures)
    state.tally = Tally()


def _validate(setup: Setup, state: TrainingState, lr: float) -> None:
    """Look at the validation images and remember what was seen.

    Raises:
        DivergedError: the loss is not finite.
    """
    batches, model = setup.batches, state.evaluated_model
    crop_size = setup.config.data.crop_size
    seen = validate(
        model, setup.val, setup.execution, mean=batches.mean, std=batches.std, crop_size=crop_size
    )
    if not math.isfinite(seen.mean_loss):
        name = first_non_finite(model.state_dict())
        where = f"{name!r}" if name else "an output of the network (all weights are finite)"
        what = f"the validation loss is {seen.mean_loss}"
        raise divergence(what, where, setup.folder.path, step=state.step, lr=lr)
    state.note_validation(seen.top1, keep_best=setup.config.train.keep == "best")
    setup.progress.validate(state.step, loss=seen.mean_loss, top1=seen.top1)
    _write_metrics(setup, state, "val", {"loss": seen.mean_loss, "top1": seen.top1})


def _write_metrics(setup: Setup, state: TrainingState, split: str, figures: dict[str, float]) -> None:
    epoch = setup.plan.epochs_at(state.step)
    line = {"split": split, "step": state.step, "epoch": epoch, **figures, "seconds": state.seconds}
    setup.folder.append_metrics(line)


def _save(setup: Setup, state: TrainingState, lr: float) -> None:
    """Write a checkpoint.

    Raises:
        DivergedError: something in it is not finite; it is not written.
    """
    checkpoint = state.to_checkpoint(origin=setup.origin, metrics_bytes=setup.folder.metrics_bytes)
    name = first_non_finite(checkpoint.tensors)
    if name is not None:
        what = "the last update left the finite numbers"
        raise divergence(what, f"{name!r}", setup.folder.path, step=state.step, lr=lr)
    save_checkpoint(setup.folder.checkpoints, state.step, checkpoint)


def _has_stalled(config: RunConfig, state: TrainingState) -> bool:
    """Tell whether validation has not improved for as long as `patience` allows."""
    return config.train.patience is not None and state.num_worse >= config.train.patience


class Stopwatch:
    """Seconds between one lap and the next."""

    def __init__(self) -> None:
        self._last = time.perf_counter()

    def lap(self) -> float:
        """Return the seconds since the last call."""
        last, self._last = self._last, time.perf_counter()
        return self._last - last
