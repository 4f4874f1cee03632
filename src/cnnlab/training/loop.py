"""The training loop, from the first step or from a checkpoint to the final weights."""

import time
from dataclasses import dataclass

import torch

from cnnlab.config import RunConfig
from cnnlab.data import Dataset, counter_generator
from cnnlab.errors import StoppedError
from cnnlab.runs import RunFolder, load_latest, save_checkpoint, save_weights
from cnnlab.training.description import describe_cost, describe_environment, describe_weights
from cnnlab.training.divergence import explain_divergence
from cnnlab.training.estimate import estimate_seconds
from cnnlab.training.execution import Execution, check_same_execution, choose_execution
from cnnlab.training.optimizers import set_lr
from cnnlab.training.plan import Plan, make_plan
from cnnlab.training.progress import Progress, SilentProgress
from cnnlab.training.schedules import lr_factor
from cnnlab.training.state import Tally, TrainingState, new_state
from cnnlab.training.steps import TrainingBatches, train_step, validate
from cnnlab.training.stop import StopRequest


@dataclass(frozen=True)
class FitResult:
    """How a run ended.

    Attributes:
        steps: updates done; fewer than planned after early stopping.
        seconds: time in the loop over all sittings, validations and checkpoints included.
        val_top1: accuracy of the last validation, as a fraction.
    """

    steps: int
    seconds: float
    val_top1: float


@dataclass(frozen=True)
class Setup:
    """All that stays the same while a run goes on."""

    config: RunConfig
    execution: Execution
    plan: Plan
    train: Dataset
    val: Dataset
    batches: TrainingBatches
    folder: RunFolder
    progress: Progress


def fit(
    config: RunConfig,
    train: Dataset,
    val: Dataset,
    folder: RunFolder,
    *,
    progress: Progress | None = None,
    inexact: bool = False,
) -> FitResult:
    """Train a network, from the newest checkpoint if there is one, and leave its weights in the run folder.

    Args:
        config: what to run.
        train: the images to learn from.
        val: the images to validate on; the test images are not seen here.
        folder: the run folder; metrics, checkpoints and weights are written there.
        progress: told of everything that happens.
        inexact: go on from a checkpoint even where this machine computes in another way, giving other bits.

    Raises:
        ConfigError: the network or one of its arguments is wrong.
        GeometryError: the images are too small for the network.
        DivergedError: the loss was not finite; the last checkpoint is good.
        StoppedError: a signal asked to stop; the state is saved.
        RunError: the checkpoints are damaged, or made by another way of computing.
        MissingResourceError: no GPU where one was asked for, or a full disk.
    """
    progress = progress or SilentProgress()
    execution = choose_execution(config)
    plan = make_plan(config, len(train))
    with torch.random.fork_rng(), StopRequest() as stop, folder.locked():
        state = new_state(
            config,
            execution,
            in_channels=train.in_channels,
            num_classes=train.num_classes,
            image_size=train.image_size,
        )
        checkpoint = load_latest(folder.checkpoints, warn=progress.message)
        if checkpoint is not None:
            check_same_execution(checkpoint.state, execution, train.fingerprint, folder.path, inexact=inexact)
            state.restore(checkpoint)
        folder.truncate_metrics(checkpoint.state["metrics_bytes"] if checkpoint else 0)
        folder.environment = describe_environment(config, execution, train, val)
        batches = TrainingBatches(train, config, plan, execution)
        seconds_left = estimate_seconds(state, batches, config, plan, execution, len(val))
        title = f"{config.model.name} on {train.name}, seed {config.seed}, {execution.summary}"
        progress.start(title, plan, step=state.step, seconds_left=seconds_left)
        try:
            _run(Setup(config, execution, plan, train, val, batches, folder, progress), state, stop)
        finally:
            progress.stop()
        folder.cost = describe_cost(state, plan)
        description = describe_weights(config, train, mean=batches.mean, std=batches.std)
        save_weights(folder.weights, state.final_weights(), description)
    return FitResult(state.step, state.seconds, state.val_top1)


def _run(setup: Setup, state: TrainingState, stop: StopRequest) -> None:
    """Do the steps that are left, with their metrics, validations and checkpoints."""
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
            _validate(setup, state)
        state.seconds += stopwatch.lap()
        is_due = state.seconds - saved_at > config.train.checkpoint_seconds
        if plan.is_val_step(state.step) or is_due or stop.signal is not None:
            _save(setup, state)
            saved_at = state.seconds
            state.seconds += stopwatch.lap()
        if stop.signal is not None and state.step < plan.num_steps:
            raise StoppedError(
                f"Stopped after step {state.step} of {plan.num_steps}; everything is saved. "
                f"Go on with: cnnlab resume {setup.folder.path}",
                exit_code=stop.exit_code,
            )


def _step(setup: Setup, state: TrainingState, lr: float) -> tuple[float, int, int]:
    """Do one update; return its mean loss, the images classified right, and the images seen.

    Raises:
        DivergedError: the loss is not finite; nothing was updated.
    """
    images, labels = setup.batches[state.step]
    set_lr(state.optimizer, lr)
    # Dropout draws from torch's global generator: seeded per step, it too is a function of (seed, step).
    torch.manual_seed(counter_generator(setup.config.seed, "dropout", state.step).initial_seed())
    loss, num_correct = train_step(
        state.model, state.optimizer, images, labels, setup.config, setup.execution
    )
    if not loss.isfinite():
        raise explain_divergence(
            state.model, images, step=state.step + 1, lr=lr, loss=loss.item(), folder=setup.folder.path
        )
    if state.ema is not None:
        state.ema.update_parameters(state.model)
    state.step += 1
    return loss.item(), int(num_correct), len(labels)


def _log(setup: Setup, state: TrainingState, lr: float) -> None:
    """Write the training figures since the last line."""
    tally = state.tally
    figures = {"loss": tally.mean_loss, "top1": tally.top1, "lr": lr, "images_per_s": tally.images_per_s}
    setup.progress.log(state.step, **figures)
    _write_metrics(setup, state, "train", figures)
    state.tally = Tally()


def _validate(setup: Setup, state: TrainingState) -> None:
    """Look at the validation images and remember what was seen."""
    batches = setup.batches
    seen = validate(state.evaluated_model, setup.val, setup.execution, mean=batches.mean, std=batches.std)
    state.note_validation(seen.top1, keep_best=setup.config.train.keep == "best")
    setup.progress.validate(state.step, loss=seen.mean_loss, top1=seen.top1)
    _write_metrics(setup, state, "val", {"loss": seen.mean_loss, "top1": seen.top1})


def _write_metrics(setup: Setup, state: TrainingState, split: str, figures: dict[str, float]) -> None:
    epoch = state.step / setup.plan.steps_per_epoch
    line = {"split": split, "step": state.step, "epoch": epoch, **figures, "seconds": state.seconds}
    setup.folder.append_metrics(line)


def _save(setup: Setup, state: TrainingState) -> None:
    """Write a checkpoint."""
    checkpoint = state.to_checkpoint(
        execution=setup.execution,
        fingerprint=setup.train.fingerprint,
        metrics_bytes=setup.folder.metrics_bytes,
    )
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
