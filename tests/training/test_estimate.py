import time

import pytest
import torch

from cnnlab.training import SilentProgress, estimate
from cnnlab.training.batches import TrainingBatches
from cnnlab.training.candidates import batch_to_learn
from cnnlab.training.estimate import MIN_STEPS, TrainingLap, estimate_seconds
from cnnlab.training.execution import Execution
from cnnlab.training.plan import make_plan
from cnnlab.training.state import new_state
from cnnlab.training.steps import train_step
from tiny_training import bits_of, run_tiny, tiny_config, tiny_images

FLOAT32 = Execution("cpu", "float32", 1, "", "")


def parts(num_steps: int, **changes):
    config = tiny_config(train__steps=num_steps, **changes)
    plan = make_plan(config, 72)
    state = new_state(config, FLOAT32, in_channels=1, num_classes=4, image_size=8)
    return state, TrainingBatches(tiny_images("train"), config, plan, FLOAT32), config, plan


def test_it_is_positive_and_leaves_everything_as_it_was():
    state, batches, config, plan = parts(200)
    for step in range(2):
        train_step(state.model, state.optimizer, batches[step], config, FLOAT32)
        state.step += 1
    before = bits_of(state.to_checkpoint(origin={}, metrics_bytes=0))
    seconds = estimate_seconds(state, batches, config, plan, FLOAT32, 40)
    assert seconds is not None
    assert 0 < seconds < 600
    assert bits_of(state.to_checkpoint(origin={}, metrics_bytes=0)) == before
    assert all(parameter.grad is None for parameter in state.model.parameters())
    images, labels, *_ = batches[2]
    again = TrainingBatches(tiny_images("train"), config, plan, FLOAT32)[2]
    assert torch.equal(images, again[0])
    assert torch.equal(labels, again[1])


@pytest.mark.parametrize(("num_steps", "done"), [(MIN_STEPS - 1, 0), (200, 200 - MIN_STEPS + 1), (1, 0)])
def test_none_for_a_short_rest(num_steps, done):
    state, batches, config, plan = parts(num_steps)
    state.step = done
    assert estimate_seconds(state, batches, config, plan, FLOAT32, 40) is None


def test_by_hand(monkeypatch):
    """Each step takes 2 s by this clock; a validation costs a third of as many images' training."""
    ticks = iter(range(0, 1000))
    monkeypatch.setattr("cnnlab.training.estimate.time.perf_counter", lambda: 2.0 * next(ticks))
    state, batches, config, plan = parts(100, train__val_every=30)
    state.step = 10
    # 90 steps and 4 validations (at 30, 60, 90, 100) of 48 images = 3 batches of 16
    assert estimate_seconds(state, batches, config, plan, FLOAT32, 48) == pytest.approx(2 * (90 + 4 * 3 / 3))


def test_it_is_said_before_the_first_step(tmp_path):
    said: list[tuple[str, float | None]] = []

    class Listener(SilentProgress):
        def start(self, title, plan, *, step, seconds_left) -> None:
            said.append(("start", seconds_left))

        def step(self, step, *, loss, top1, images_per_s) -> None:
            said.append(("step", None))

    run_tiny(tmp_path / "run", tiny_config(train__steps=MIN_STEPS), progress=Listener())
    assert said[0][0] == "start"
    assert said[0][1] is not None
    assert [name for name, _ in said].count("start") == 1
    assert len(said) == 1 + MIN_STEPS


def test_steps_that_look_at_several_batches_are_timed_where_they_do(monkeypatch):
    looked_at = []

    def note(batches, step, model, execution):
        looked_at.append(step)
        time.sleep(0.02 if step >= 50 else 0.001)
        return batch_to_learn(batches, step, model, execution)

    monkeypatch.setattr(estimate, "batch_to_learn", note)
    state, batches, config, plan = parts(100, train__candidates=3, train__candidates_from=0.5)
    seconds = estimate_seconds(state, batches, config, plan, FLOAT32, 0)
    assert looked_at == [*range(5), *range(50, 55)]
    assert seconds is not None and seconds > 50 * 0.02
    lap = TrainingLap(config, tiny_images("train"))
    lap(2)
    assert looked_at[-2:] == [50, 51]
