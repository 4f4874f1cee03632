import pytest
import torch
from torch import nn

from cnnlab.training.pretraining.autoencoder import Autoencoder
from cnnlab.training.pretraining.chain import Stage


def stage(activation: nn.Module, *, groups: int = 1) -> Stage:
    torch.manual_seed(0)
    conv = nn.Conv2d(2, 4, 3, padding=1, groups=groups).double()
    return Stage("conv1", conv, activation, nn.Sequential(activation), 1)


MEAN = torch.tensor([0.5, -0.25], dtype=torch.float64)


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(3)


def loss_by_loops(coder: Autoencoder, maps: torch.Tensor) -> float:
    """The mean squared error with a ReLU in between, value by value."""
    shown = coder.corrupt(maps, generator())
    num, channels, height, width = maps.shape
    weight, bias, visible = (p.detach() for p in (coder.weight, coder.bias, coder.visible_bias))
    total = 0.0
    for n in range(num):
        code = torch.zeros(len(weight), height, width, dtype=torch.float64)
        for k in range(len(weight)):
            for y in range(height):
                for x in range(width):
                    value = bias[k].item()
                    for c in range(channels):
                        for dy in range(3):
                            for dx in range(3):
                                sy, sx = y + dy - 1, x + dx - 1
                                is_inside = 0 <= sy < height and 0 <= sx < width
                                seen = shown[n, c, sy, sx] if is_inside else 0.0
                                value += (weight[k, c, dy, dx] * (seen - MEAN[c])).item()
                    code[k, y, x] = max(value, 0.0)
        for c in range(channels):
            for y in range(height):
                for x in range(width):
                    value = visible[c].item()
                    for k in range(len(weight)):
                        for dy in range(3):
                            for dx in range(3):
                                # This unit has the place under its weight (dy, dx).
                                ky, kx = y - dy + 1, x - dx + 1
                                if 0 <= ky < height and 0 <= kx < width:
                                    value += (weight[k, c, dy, dx] * code[k, ky, kx]).item()
                    total += (value - maps[n, c, y, x].item()) ** 2
    return total / maps.numel()


@pytest.mark.parametrize("corruption", [0.0, 0.4])
def test_gradients_are_those_of_the_loss_written_out(corruption):
    coder = Autoencoder(stage(nn.ReLU()), MEAN, corruption=corruption)
    maps = torch.randn(2, 2, 3, 4, dtype=torch.float64)
    coder.set_gradients(maps, generator())
    step = 1e-6
    for parameter, place in (
        (coder.weight, (1, 0, 0, 2)),
        (coder.weight, (3, 1, 1, 1)),
        (coder.bias, (2,)),
        (coder.visible_bias, (1,)),
    ):
        losses = []
        for sign in (1, -1):
            with torch.no_grad():
                parameter[place] += sign * step
                losses.append(loss_by_loops(coder, maps))
                parameter[place] -= sign * step
        assert parameter.grad is not None
        assert parameter.grad[place].item() == pytest.approx((losses[0] - losses[1]) / (2 * step), abs=1e-7)


@pytest.mark.parametrize("activation", [nn.ReLU(), nn.Tanh(), nn.Sigmoid()])
@pytest.mark.parametrize("groups", [1, 2])
def test_the_network_s_own_activation_stands_between(activation, groups):
    coder = Autoencoder(stage(activation, groups=groups), MEAN, corruption=0.0)
    maps = torch.randn(1, 2, 5, 5, dtype=torch.float64)
    code = activation(coder.up(maps))
    assert torch.equal(coder.restore(maps), coder.down(code, maps.shape[2:]))


def test_the_network_computes_the_same_code():
    of_network = stage(nn.ReLU(), groups=2)
    coder = Autoencoder(of_network, MEAN, corruption=0.3)
    maps = torch.randn(2, 2, 5, 5, dtype=torch.float64)
    with torch.no_grad():
        coder.bias.copy_(torch.randn(4))
        of_network.conv.weight.copy_(coder.weight)
        assert of_network.conv.bias is not None
        of_network.conv.bias.copy_(coder.network_bias())
        torch.testing.assert_close(of_network.conv(maps), coder.up(maps))


def test_the_share_of_values_is_the_mean_and_the_others_stay():
    coder = Autoencoder(stage(nn.ReLU()), MEAN, corruption=0.3)
    maps = torch.rand(8, 2, 32, 32, dtype=torch.float64) + 1
    shown = coder.corrupt(maps, generator())
    is_hidden = shown == MEAN.view(1, -1, 1, 1)
    assert is_hidden.double().mean().item() == pytest.approx(0.3, abs=0.01)
    assert torch.equal(shown[~is_hidden], maps[~is_hidden])
    assert torch.equal(shown, coder.corrupt(maps, generator()))


def test_it_starts_from_the_network_s_weights_made_smaller():
    """Twice as many maps as inputs: with the root of a half the way there and back keeps the scale."""
    of_network = stage(nn.ReLU())
    coder = Autoencoder(of_network, MEAN, corruption=0.3)
    torch.testing.assert_close(coder.weight.detach(), of_network.conv.weight.detach() * 0.5**0.5)
