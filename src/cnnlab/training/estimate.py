"""How long a run will take, from a few steps on a copy of the network."""

import copy
import time
from statistics import median

import torch

from cnnlab.config import RunConfig
from cnnlab.data import Batch, Dataset
from cnnlab.training.batches import TrainingBatches, network_size
from cnnlab.training.candidates import batch_to_learn
from cnnlab.training.execution import Execution, choose_execution
from cnnlab.training.optimizers import build_optimizer
from cnnlab.training.plan import Plan, make_plan
from cnnlab.training.state import TrainingState, new_state
from cnnlab.training.steps import train_step

NUM_WARMUP, NUM_TIMED = 2, 3
MIN_STEPS = 60  # a shorter run is over before its estimate


def estimate_seconds(
    state: TrainingState,
    batches: TrainingBatches,
    config: RunConfig,
    plan: Plan,
    execution: Execution,
    num_val: int,
) -> float | None:
    """Return the seconds that the steps left will take, validations included; None for a short run.

    A forward pass costs about a third of a training step, by the count of its multiplications.
    """
    steps_left = plan.num_steps - state.step
    if steps_left < MIN_STEPS:
        return None
    per_step = seconds_per_step(state, batches, config, execution, state.step)
    if plan.candidates > 1:  # until then a step looks at one batch
        early = max(0, plan.candidates_from - state.step)
        place = max(state.step, plan.candidates_from)
        late = seconds_per_step(state, batches, config, execution, place)
        per_step = (early * per_step + (steps_left - early) * late) / steps_left
    num_validations = steps_left // plan.val_every + 1
    return per_step * (steps_left + num_validations * num_val / plan.batch_size / 3)


class TrainingLap:
    """Training steps of a run that has not begun, to be timed; its weights are kept nowhere.

    Where the run looks at several batches in a step, these are the steps in which it does so.

    Attributes:
        execution: where and how; sets torch's threads.
        model: the network that is trained.

    Raises:
        ConfigError: the network or its arguments are wrong, or augmentation does not fit the images.
        GeometryError: the images are too small for the network.
    """

    def __init__(self, config: RunConfig, train: Dataset) -> None:
        self._config, self.execution = config, choose_execution(config)
        plan = make_plan(config, len(train))
        with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
            self._state = new_state(
                config,
                self.execution,
                in_channels=train.in_channels,
                num_classes=train.num_classes,
                image_size=network_size(config.data, train),
            )
        self.model = self._state.model.train()
        self._batches = TrainingBatches(train, config, plan, self.execution)
        self._state.start_from_images(self._batches)
        self._state.step = plan.candidates_from

    def __call__(self, num_steps: int) -> list[float]:
        """Do some steps more, and return the seconds of each."""
        seconds, state, weights = [], self._state, self._batches.class_weights
        with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
            for _ in range(num_steps):
                start = time.perf_counter()
                batch = batch_to_learn(self._batches, state.step, self.model, self.execution)
                loss, _ = train_step(
                    self.model, state.optimizer, batch, self._config, self.execution, class_weights=weights
                )
                loss.item()
                seconds.append(time.perf_counter() - start)
                state.step += 1
        return seconds

    def batch(self) -> Batch:
        """Return the batch of the next step."""
        return self._batches[self._state.step]

    def update(self) -> float:
        """Return the seconds of an update of the weights, by gradients of 0."""
        for parameter in (one for one in self.model.parameters() if one.requires_grad):
            parameter.grad = torch.zeros_like(parameter)
        start = time.perf_counter()
        self._state.optimizer.step()
        seconds = time.perf_counter() - start
        self._state.optimizer.zero_grad()
        return seconds


def probe_seconds_per_step(config: RunConfig, train: Dataset) -> float:
    """Return the seconds of one training step of a run that has not begun; sets torch's threads."""
    return median(TrainingLap(config, train)(NUM_WARMUP + NUM_TIMED)[NUM_WARMUP:])


def seconds_per_step(
    state: TrainingState, batches: TrainingBatches, config: RunConfig, execution: Execution, first: int
) -> float:
    """Return the seconds of one training step, the median of a few from `first` on, on a copied network."""
    model = copy.deepcopy(state.model).train()
    optimizer = build_optimizer(config.optim, model)
    seconds = []
    for step in range(NUM_WARMUP + NUM_TIMED):
        start = time.perf_counter()
        batch = batch_to_learn(batches, first + step, model, execution)
        weights = batches.class_weights
        loss, _ = train_step(model, optimizer, batch, config, execution, class_weights=weights)
        loss.item()
        seconds.append(time.perf_counter() - start)
    return median(seconds[NUM_WARMUP:])
