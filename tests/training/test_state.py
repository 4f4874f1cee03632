import copy

import pytest
import torch

from cnnlab.errors import ConfigError
from cnnlab.training.batches import TrainingBatches
from cnnlab.training.execution import Execution
from cnnlab.training.plan import make_plan
from cnnlab.training.state import Tally, TrainingState, new_state
from cnnlab.training.steps import train_step
from tiny_training import bits_of, plain_config, raw, tiny_config, tiny_images

FLOAT32 = Execution("cpu", "float32", 1, "", "")


def fresh(config=None) -> TrainingState:
    return new_state(config or tiny_config(), FLOAT32, in_channels=1, num_classes=4, image_size=8)


def do_steps(state: TrainingState, config, num_steps: int) -> list[dict[str, torch.Tensor]]:
    """Train; return the weights and buffers after each step."""
    batches = TrainingBatches(tiny_images("train"), config, make_plan(config, 72), FLOAT32)
    after = []
    for _ in range(num_steps):
        torch.manual_seed(state.step)  # for dropout, as the loop does
        train_step(state.model, state.optimizer, batches[state.step], config, FLOAT32)
        if state.ema is not None:
            state.ema.update_parameters(state.model)
        state.step += 1
        after.append({name: value.clone() for name, value in state.model.state_dict().items()})
    return after


def test_the_first_weights_are_a_function_of_the_seed():
    torch.manual_seed(1)
    first = fresh()
    torch.manual_seed(2)
    torch.rand(5)
    second, other = fresh(), fresh(tiny_config(seed=1))
    same = [
        torch.equal(a, b) for a, b in zip(first.model.parameters(), second.model.parameters(), strict=True)
    ]
    assert all(same)
    assert not torch.equal(first.model.features.conv1.weight, other.model.features.conv1.weight)


def test_weights_are_channels_last():
    weight = fresh().model.features.conv1.weight  # 6 x 1 x 3 x 3
    state = new_state(tiny_config(), FLOAT32, in_channels=3, num_classes=4, image_size=8)
    assert weight.is_contiguous(memory_format=torch.channels_last)
    assert state.model.features.conv1.weight.stride() == (27, 1, 9, 3)


def test_a_wrong_argument_of_the_network_is_named():
    with pytest.raises(ConfigError, match="dropout"):
        fresh(tiny_config(model__args__dropout=2.0))


# --- the moving average ---------------------------------------------------------------------------------


def test_the_average_is_the_one_written_out_for_weights_and_buffers():
    config = tiny_config(train__ema_decay=0.8)
    state = fresh(config)
    history = do_steps(state, config, 6)
    # From the weights after the first step on: average = 0.8 average + 0.2 weights.
    expected = {name: value.double() for name, value in history[0].items()}
    for weights in history[1:]:
        for name in expected:
            expected[name] = 0.8 * expected[name] + 0.2 * weights[name].double()
    average = state.evaluated_model.state_dict()
    assert average.keys() == expected.keys()
    assert any("running_var" in name for name in expected)
    for name, value in average.items():
        if value.is_floating_point():
            torch.testing.assert_close(value.double(), expected[name], rtol=1e-5, atol=1e-6)
            assert not torch.equal(value, history[-1][name]), name


def test_without_an_average_the_network_itself_is_evaluated():
    state = fresh(plain_config())
    assert state.ema is None
    assert state.evaluated_model is state.model


# --- what the run ends with -----------------------------------------------------------------------------


def test_the_best_weights_are_those_at_the_best_validation():
    state = fresh(plain_config())
    weight = state.model.head.fc2.bias
    for number, top1 in enumerate([0.5, 0.7, 0.7, 0.6]):
        with torch.no_grad():
            weight.fill_(float(number))
        state.note_validation(top1, keep_best=True)
    assert (state.best_top1, state.val_top1, state.num_worse) == (0.7, 0.6, 2)
    assert state.final_weights()["head.fc2.bias"].tolist() == [1.0] * 4  # the first of two equally good


def test_the_last_weights_are_kept_unless_asked():
    state = fresh(plain_config())
    state.note_validation(0.5, keep_best=False)
    with torch.no_grad():
        state.model.head.fc2.bias.fill_(3.0)
    state.note_validation(0.4, keep_best=False)
    assert state.best == {}
    assert state.final_weights()["head.fc2.bias"].tolist() == [3.0] * 4


def test_a_top1_of_zero_is_better_than_nothing():
    state = fresh(plain_config())
    state.note_validation(0.0, keep_best=True)
    assert state.best
    assert state.num_worse == 0


# --- there and back -------------------------------------------------------------------------------------


def test_restore_gives_the_same_state():
    config = tiny_config()
    state = fresh(config)
    do_steps(state, config, 3)
    state.note_validation(0.5, keep_best=True)
    do_steps(state, config, 2)
    state.seconds, state.num_worse = 0.1 + 0.2, 3
    state.tally.add(1 / 3, 5, 16, 0.7)
    saved = state.to_checkpoint(origin={"x": 1}, metrics_bytes=77)
    kept = bits_of(copy.deepcopy(saved))
    restored = fresh(tiny_config(seed=9))
    restored.restore(saved)
    assert bits_of(restored.to_checkpoint(origin={"x": 1}, metrics_bytes=77)) == kept
    assert (restored.step, restored.seconds, restored.tally.seconds) == (5, 0.1 + 0.2, 0.7)
    do_steps(state, config, 2)
    do_steps(restored, config, 2)
    again = [bits_of(s.to_checkpoint(origin={}, metrics_bytes=0)) for s in (state, restored)]
    assert again[0] == again[1]
    assert again[0] != kept


def test_restored_weights_keep_their_memory_layout():
    state = new_state(tiny_config(), FLOAT32, in_channels=3, num_classes=4, image_size=8)
    saved = state.to_checkpoint(origin={}, metrics_bytes=0)
    saved.tensors.update({name: tensor.contiguous().clone() for name, tensor in saved.tensors.items()})
    restored = new_state(tiny_config(), FLOAT32, in_channels=3, num_classes=4, image_size=8)
    restored.restore(saved)
    for model in (restored.model, restored.evaluated_model):
        assert model.features.conv1.weight.stride() == (27, 1, 9, 3)
        assert raw(model.features.conv1.weight) == raw(state.model.features.conv1.weight)


# --- sums -----------------------------------------------------------------------------------------------


def test_tally_weighs_batches_by_their_images():
    tally = Tally()
    tally.add(1.0, 3, 10, 2.0)
    tally.add(4.0, 5, 5, 1.0)
    assert tally.mean_loss == pytest.approx((10 * 1 + 5 * 4) / 15)
    assert tally.top1 == 8 / 15
    assert tally.images_per_s == 5.0


def test_a_tally_without_a_clock():
    tally = Tally()
    tally.add(1.0, 1, 1)
    assert tally.images_per_s == 0.0
