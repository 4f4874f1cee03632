"""How long a run will take, from a few steps on a copy of the network."""

import copy
import time
from statistics import median

from cnnlab.config import RunConfig
from cnnlab.training.execution import Execution
from cnnlab.training.optimizers import build_optimizer
from cnnlab.training.plan import Plan
from cnnlab.training.state import TrainingState
from cnnlab.training.steps import TrainingBatches, train_step

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
    model = copy.deepcopy(state.model).train()
    optimizer = build_optimizer(config.optim, model)
    seconds = []
    for step in range(NUM_WARMUP + NUM_TIMED):
        start = time.perf_counter()
        batch, weights = batches[state.step + step], batches.class_weights
        loss, _ = train_step(model, optimizer, batch, config, execution, class_weights=weights)
        loss.item()
        seconds.append(time.perf_counter() - start)
    per_step = median(seconds[NUM_WARMUP:])
    num_validations = steps_left // plan.val_every + 1
    return per_step * (steps_left + num_validations * num_val / plan.batch_size / 3)
