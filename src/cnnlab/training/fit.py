"""`fit`: from a config and images to trained weights in a run folder, from the start or from a checkpoint."""

from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

import torch

from cnnlab import machine
from cnnlab.config import RunConfig
from cnnlab.data import Dataset
from cnnlab.errors import RunError
from cnnlab.runs import Checkpoint, RunFolder, load_latest, save_weights
from cnnlab.training.batches import TrainingBatches, network_size
from cnnlab.training.description import describe_cost, describe_environment, describe_weights
from cnnlab.training.estimate import estimate_seconds
from cnnlab.training.execution import choose_execution
from cnnlab.training.loop import Setup, run_steps
from cnnlab.training.origin import check_same_origin, describe_origin
from cnnlab.training.plan import Plan, make_plan, plan_notes
from cnnlab.training.pretraining import starting_weights
from cnnlab.training.progress import Progress, SilentProgress
from cnnlab.training.saved import what_is_wrong_with
from cnnlab.training.state import TrainingState, new_state
from cnnlab.training.steps import on_device
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


def fit(
    config: RunConfig,
    train: Dataset,
    val: Dataset,
    folder: RunFolder,
    *,
    unlabelled: Dataset | None = None,
    progress: Progress | None = None,
    inexact: bool = False,
) -> FitResult:
    """Train a network, from the newest checkpoint if there is one, and leave its weights in the run folder.

    Args:
        config: what to run.
        train: the images to learn from.
        val: the images to validate on; the test images are not seen here.
        folder: the run folder; metrics, checkpoints and weights are written there.
        unlabelled: the images to pre-train on, if the config asks for it, whose labels are not looked at; the
            training images if not given.
        progress: told of everything that happens.
        inexact: go on from a checkpoint even where this machine or config.toml would give other bits.

    Raises:
        ConfigError: the network or one of its arguments is wrong, or windows or augmentation do not fit the
            images.
        GeometryError: the images are too small for the network.
        DivergedError: a loss or a weight is not a finite number; the last checkpoint is good.
        StoppedError: a signal asked to stop; the state is saved.
        RunError: the checkpoints are damaged, or of other images, other settings or another way of computing.
        MissingResourceError: no GPU where one was asked for, or a full disk.
    """
    progress = progress or SilentProgress()
    execution = choose_execution(config)
    plan = make_plan(config, len(train))
    datasets = [train, val]
    if config.pretrain.method == "none":
        unlabelled = None
    else:
        unlabelled = replace(unlabelled or train, split="unlabelled")
        datasets.append(unlabelled)
    origin = describe_origin(config, execution, datasets)
    gpus = range(torch.cuda.device_count())
    with torch.random.fork_rng(devices=gpus), StopRequest() as stop, folder.locked():
        state = new_state(
            config,
            execution,
            in_channels=train.in_channels,
            num_classes=train.num_classes,
            image_size=network_size(config.data, train),
        )
        checkpoint = load_latest(folder.checkpoints, warn=progress.message, check=what_is_wrong_with)
        if checkpoint is not None:
            _restore(state, checkpoint, origin, folder, plan, inexact=inexact)
        folder.truncate_metrics(checkpoint.state["metrics_bytes"] if checkpoint else 0)
        folder.environment = describe_environment(config, execution, datasets, state.inexact_at)
        batches = TrainingBatches(train, config, plan, execution, unlabelled=unlabelled)
        if checkpoint is None:
            state.start_from_images(batches)
        if unlabelled is not None and checkpoint is None:
            images = {"unlabelled": unlabelled, "val": val, "mean": batches.mean, "std": batches.std}
            state.start_from(
                starting_weights(
                    state.model, config, execution, folder, **images, say=progress.message, stop=stop
                )
            )
        seconds_left = estimate_seconds(state, batches, config, plan, execution, len(val))
        for note in plan_notes(config, plan, len(train)):
            progress.message(note)
        title = f"{config.model.name} on {train.name}, seed {config.seed}, {execution.summary}"
        progress.start(title, plan, step=state.step, seconds_left=seconds_left)
        setup = Setup(config, execution, plan, on_device(val, execution), batches, origin, folder, progress)
        try:
            with stop.while_compiling(folder) if execution.compiled else nullcontext():
                run_steps(setup, state, stop)
        finally:
            progress.stop()
        folder.cost = describe_cost(state, plan)
        description = describe_weights(config, train, mean=batches.mean, std=batches.std)
        save_weights(folder.weights, state.final_weights(), description)
        if stop.signal is not None:  # it came when there was no step left to do
            raise stop.error(state.step, plan, folder)
    return FitResult(state.step, state.seconds, state.val_top1)


def _restore(
    state: TrainingState,
    checkpoint: Checkpoint,
    origin: dict[str, Any],
    folder: RunFolder,
    plan: Plan,
    *,
    inexact: bool,
) -> None:
    """Go back to a checkpoint.

    Raises:
        RunError: the same bits cannot come out, or the checkpoint is of another network.
    """
    try:
        is_same = check_same_origin(checkpoint.state["origin"], origin, folder.path, inexact=inexact)
        state.restore(checkpoint)
    except (KeyError, TypeError, AttributeError, RuntimeError) as error:
        if machine.is_out_of_memory(error):
            raise
        raise RunError(
            f"{folder.checkpoints}: does not fit the network and the optimizer of config.toml. "
            "Train again with `cnnlab train`."
        ) from error
    if is_same and state.step > plan.num_steps:
        raise RunError(
            f"{folder.checkpoints}: is at step {state.step} of a run of {plan.num_steps}: damaged. "
            "Train again with `cnnlab train`."
        )
    if not is_same:
        state.inexact_at.append(state.step)
