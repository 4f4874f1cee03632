"""The convolutional RBM against its energy: all states counted, and CD-1 written out in loops."""

import itertools
import math

import numpy as np
import pytest
import torch
from torch import nn

from cnnlab.data import load_data, normalise
from cnnlab.training.pretraining.chain import Stage
from cnnlab.training.pretraining.rbm import ConvRBM, block_probs, sample_blocks
from cnnlab.training.pretraining.tied import uniform_like


def machine(
    *,
    block: int,
    units: int = 2,
    channels: int = 1,
    sparsity: float = 0.1,
    seed: int = 0,
    activation: nn.Module | None = None,
) -> ConvRBM:
    torch.manual_seed(seed)
    activation = activation or nn.ReLU()
    conv = nn.Conv2d(channels, units, 3, padding=1)
    stage = Stage("conv1", conv, activation, nn.Sequential(activation), block)
    rbm = ConvRBM(stage, torch.linspace(0.3, 0.9, channels), sparsity=sparsity)
    with torch.no_grad():
        for parameter in rbm.parameters():
            parameter.copy_(torch.randn(parameter.shape))
    return rbm


def generator(seed: int = 3) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


# --- in numpy, written as the formulas stand --------------------------------------------------------------


def inputs_of(maps: np.ndarray, rbm: ConvRBM) -> np.ndarray:
    """I[k, y, x] = b[k] + sum of W[k, c, i, j] (v[c, y + i - 1, x + j - 1] - m[c]); v is 0 outside."""
    weight, bias, _, mean = parts_of(rbm)
    _, height, width = maps.shape
    padded = np.pad(maps, ((0, 0), (1, 1), (1, 1))) - mean[:, None, None]
    inputs = np.empty((len(weight), height, width))
    for k, y, x in np.ndindex(inputs.shape):
        inputs[k, y, x] = bias[k] + (weight[k] * padded[:, y : y + 3, x : x + 3]).sum()
    return inputs


def means_of(units: np.ndarray, rbm: ConvRBM) -> np.ndarray:
    """Mean of v given h: what every unit that is on puts down at its place."""
    weight, _, visible_bias, _ = parts_of(rbm)
    _, height, width = units.shape
    padded = np.zeros((weight.shape[1], height + 2, width + 2))
    for k, y, x in np.ndindex(units.shape):
        padded[:, y : y + 3, x : x + 3] += units[k, y, x] * weight[k]
    return padded[:, 1:-1, 1:-1] + visible_bias[:, None, None]


def probs_of(inputs: np.ndarray, block: int) -> np.ndarray:
    probs = np.empty_like(inputs)
    for k, y, x in np.ndindex(inputs.shape):
        top, left = y // block * block, x // block * block
        powers = np.exp(inputs[k, top : top + block, left : left + block])
        probs[k, y, x] = np.exp(inputs[k, y, x]) / (1 + powers.sum())
    return probs


def drawn(probs: np.ndarray, draws: np.ndarray, block: int) -> np.ndarray:
    """The unit of a block into whose part of [0, 1) its number falls; none if it falls behind the last."""
    units = np.zeros_like(probs)
    for k, top, left in np.ndindex(draws.shape):
        low = 0.0
        for y, x in itertools.product(range(block), range(block)):
            place = (k, top * block + y, left * block + x)
            if place[1] >= probs.shape[1] or place[2] >= probs.shape[2]:
                continue
            if low <= draws[k, top, left] < low + probs[place]:
                units[place] = 1.0
            low += probs[place]
    return units


def statistics_of(maps: np.ndarray, probs: np.ndarray, rbm: ConvRBM) -> np.ndarray:
    """Sum over places of the probability of h[k] times the v - m under each weight."""
    padded = np.pad(maps, ((0, 0), (1, 1), (1, 1))) - parts_of(rbm)[3][:, None, None]
    total = np.zeros((len(probs), len(maps), 3, 3))
    for k, y, x in np.ndindex(probs.shape):
        total[k] += probs[k, y, x] * padded[:, y : y + 3, x : x + 3]
    return total


def parts_of(rbm: ConvRBM) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    weight, bias, visible_bias, mean = (
        tensor.detach().double().numpy() for tensor in (rbm.weight, rbm.bias, rbm.visible_bias, rbm.mean)
    )
    return weight, bias, visible_bias, mean


# --- tests ------------------------------------------------------------------------------------------------


def energy(maps: np.ndarray, units: np.ndarray, rbm: ConvRBM) -> float:
    visible_bias = parts_of(rbm)[2]
    return 0.5 * ((maps - visible_bias[:, None, None]) ** 2).sum() - (units * inputs_of(maps, rbm)).sum()


@pytest.mark.parametrize("block", [1, 2])
def test_probabilities_are_those_of_the_energy_over_all_states(block):
    rbm = machine(block=block)
    maps = torch.randn(1, 1, 2, 2)
    states = []
    for bits in itertools.product((0.0, 1.0), repeat=8):
        units = np.array(bits).reshape(2, 2, 2)  # two filters, 2 x 2 places
        if block == 1 or (units.sum((1, 2)) <= 1).all():
            states.append(units)
    assert len(states) == (256 if block == 1 else 25)
    weights = np.array([math.exp(-energy(maps[0].double().numpy(), units, rbm)) for units in states])
    expected = (np.array(states) * (weights / weights.sum())[:, None, None, None]).sum(0)
    found = block_probs(rbm.up(maps), block)[0].detach().numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_the_mean_of_the_maps_given_units_is_where_the_energy_is_least():
    rbm = machine(block=2, channels=2)
    units = torch.zeros(1, 2, 4, 4)
    units[0, 0, 1, 2] = units[0, 1, 3, 0] = 1.0
    mean = rbm.down(units, torch.Size((4, 4)))[0].detach().double().numpy()
    np.testing.assert_allclose(mean, means_of(units[0].numpy(), rbm), atol=1e-6)
    least = energy(mean, units[0].numpy(), rbm)
    for place in np.ndindex(mean.shape):
        for step in (-0.1, 0.1):
            moved = mean.copy()
            moved[place] += step
            assert energy(moved, units[0].numpy(), rbm) == pytest.approx(least + 0.005, abs=1e-5)


@pytest.mark.parametrize(("block", "height", "width"), [(1, 3, 4), (2, 4, 4), (2, 5, 3), (3, 7, 4)])
def test_contrastive_divergence_written_out(block, height, width):
    sparsity = 0.04
    rbm = machine(block=block, channels=2, sparsity=sparsity)
    maps = torch.randn(3, 2, height, width)
    rbm.set_gradients(maps, generator())
    corners = torch.empty(3, 2, math.ceil(height / block), math.ceil(width / block))
    draws = uniform_like(corners, generator()).double().numpy()
    grads = {"weight": np.zeros((2, 2, 3, 3)), "visible": np.zeros(2)}
    share_on = np.zeros(2)
    for image, draw in zip(maps.double().numpy(), draws, strict=True):
        probs = probs_of(inputs_of(image, rbm), block)
        imagined = means_of(drawn(probs, draw, block), rbm)
        then = probs_of(inputs_of(imagined, rbm), block)
        grads["weight"] -= statistics_of(image, probs, rbm) - statistics_of(imagined, then, rbm)
        grads["visible"] -= (image - imagined).sum((1, 2))
        share_on += probs.mean((1, 2)) / 3
    num = 3 * height * width
    for grad, expected in (
        (rbm.weight.grad, grads["weight"] / num),
        (rbm.bias.grad, share_on - sparsity),
        (rbm.visible_bias.grad, grads["visible"] / num),
    ):
        assert grad is not None
        np.testing.assert_allclose(grad.numpy(), expected, atol=2e-5)


def test_probabilities_leave_their_input_alone_and_bear_large_numbers():
    inputs = torch.tensor([[[[1000.0, -1000.0], [0.0, 999.0]]]])
    before = inputs.clone()
    probs = block_probs(inputs, 2)
    assert torch.equal(inputs, before)
    sigmoid_of_1 = 1 / (1 + math.exp(-1))
    expected = torch.tensor([[[[sigmoid_of_1, 0.0], [0.0, 1 - sigmoid_of_1]]]])
    torch.testing.assert_close(probs, expected)


def test_the_network_gets_the_filters_but_not_the_bias_of_rare_units():
    rbm = machine(block=2, channels=2)
    maps = torch.randn(1, 2, 4, 4)
    with torch.no_grad():
        passed_on = nn.functional.conv2d(maps, rbm.weight, rbm.network_bias(), padding=1)
        torch.testing.assert_close(passed_on, rbm.up(maps) - rbm.bias.view(1, -1, 1, 1))


def test_a_sigmoid_is_the_hidden_unit_itself_and_gets_its_bias():
    rbm = machine(block=1, channels=2, activation=nn.Sigmoid())
    maps = torch.randn(1, 2, 4, 4)
    with torch.no_grad():
        passed_on = nn.functional.conv2d(maps, rbm.weight, rbm.network_bias(), padding=1)
        torch.testing.assert_close(passed_on.sigmoid(), block_probs(rbm.up(maps), 1))


def test_units_are_drawn_as_often_as_probable_and_one_of_a_block_at_most():
    probs = block_probs(torch.tensor([[0.5, -1.0, 2.0], [0.0, 1.0, -0.5], [0.3, 0.1, -2.0]])[None, None], 2)
    units = sample_blocks(probs.expand(20_000, 1, 3, 3), 2, generator())
    assert set(units.unique().tolist()) == {0.0, 1.0}
    per_block = nn.functional.avg_pool2d(units, 2, ceil_mode=True, divisor_override=1)
    assert per_block.max() == 1
    torch.testing.assert_close(units.mean(0), probs[0], atol=0.015, rtol=0.0)


def test_it_starts_near_0_with_units_on_as_often_as_they_shall_be():
    conv = nn.Conv2d(1, 4, 3, padding=1)
    for block, sparsity, expected in ((1, 0.2, 0.2), (2, 0.05, 0.05), (2, 0.5, 0.125)):
        rbm = ConvRBM(Stage("c", conv, nn.ReLU(), nn.Sequential(), block), torch.zeros(1), sparsity=sparsity)
        torch.testing.assert_close(rbm.weight.detach(), conv.weight.detach() * 0.1)
        on = block_probs(rbm.up(torch.zeros(1, 1, 4, 4)), block)
        torch.testing.assert_close(on, torch.full_like(on, expected))


def free_energy(rbm: ConvRBM, maps: torch.Tensor) -> torch.Tensor:
    """-log of the sum over hidden states of exp(-energy), per image; blocks of 2 x 2."""
    visible = 0.5 * (maps - rbm.visible_bias.view(1, -1, 1, 1)).square().sum((1, 2, 3))
    powers = nn.functional.avg_pool2d(rbm.up(maps).exp(), 2, divisor_override=1)
    return visible - (1 + powers).log().sum((1, 2, 3))


def test_real_digits_gain_on_other_images():
    """After training, digits it has not seen are more probable than before, against the same with their rows
    exchanged, and are restored better."""
    data = load_data("digits", splits=("train", "val"))
    train, val = (normalise(data[split].images, (0.305,), (0.376,)) for split in ("train", "val"))
    torch.manual_seed(1)
    conv = nn.Conv2d(1, 16, 3, padding=1)
    rbm = ConvRBM(Stage("c", conv, nn.ReLU(), nn.Sequential(), 2), torch.zeros(1), sparsity=0.05)
    others = val[:, :, torch.randperm(8, generator=generator())]

    def margin() -> float:
        return (free_energy(rbm, others) - free_energy(rbm, val)).mean().item()

    def error() -> float:
        return (rbm.restore(val) - val).square().mean().item()

    with torch.no_grad():
        before, error_before = margin(), error()
    optimizer = torch.optim.Adam(rbm.parameters(), 0.01)
    for step in range(200):
        batch = train[torch.randperm(len(train), generator=generator(step))[:64]]
        rbm.set_gradients(batch, generator(1000 + step))
        optimizer.step()
        optimizer.zero_grad()
    with torch.no_grad():
        assert margin() > before + 1
        assert error() < 0.5 * error_before
