import pytest
import torch
from torch import nn

from cnnlab.training.pretraining.tied import TiedConv, uniform_like

# kernel, stride, padding, groups, size
GEOMETRIES = [
    (3, 1, 1, 1, 7),
    (5, 1, 2, 1, 6),
    (3, 1, 1, 2, 5),
    (11, 4, 2, 1, 35),
    (3, 2, 0, 1, 8),
    (3, 2, 0, 2, 9),
]


@pytest.mark.parametrize(("kernel", "stride", "padding", "groups", "size"), GEOMETRIES)
def test_down_is_the_transpose_of_up(kernel, stride, padding, groups, size):
    """<up(v), h> = <v, down(h)> for all v and h, and the shapes come back."""
    conv = nn.Conv2d(4, 6, kernel, stride, padding, groups=groups, bias=False).double()
    tied = TiedConv(conv, torch.zeros(4, dtype=torch.float64))
    maps = torch.randn(2, 4, size, size, dtype=torch.float64)
    assert torch.equal(tied.up(maps), conv(maps))
    units = torch.randn_like(tied.up(maps))
    back = tied.down(units, maps.shape[2:])
    assert back.shape == maps.shape
    torch.testing.assert_close((tied.up(maps) * units).sum(), (maps * back).sum())


def test_biases_are_added_on_both_ways():
    tied = TiedConv(nn.Conv2d(2, 3, 3, padding=1), torch.tensor([1.0, -2.0]))
    with torch.no_grad():
        tied.bias.copy_(torch.tensor([1.0, 2.0, 3.0]))
    nothing = torch.zeros(1, 2, 4, 4)
    torch.testing.assert_close(tied.up(nothing)[0, :, 0, 0], tied.bias + tied.centring_bias())
    nothing = torch.zeros(1, 3, 4, 4)
    assert torch.equal(tied.down(nothing, torch.Size((4, 4)))[0, :, 0, 0], torch.tensor([1.0, -2.0]))


@pytest.mark.parametrize("groups", [1, 2])
def test_units_see_how_maps_differ_from_their_mean(groups):
    mean = torch.tensor([0.5, 2.0, -1.0, 0.0])
    tied = TiedConv(nn.Conv2d(4, 6, 3, groups=groups), mean)
    at_mean = mean.view(1, -1, 1, 1).expand(1, -1, 5, 5)
    torch.testing.assert_close(tied.up(at_mean), torch.zeros(1, 6, 3, 3), atol=1e-5, rtol=0.0)


def test_the_convolution_itself_is_left_as_it_is():
    conv = nn.Conv2d(1, 2, 3)
    before = conv.weight.detach().clone()
    tied = TiedConv(conv, torch.zeros(1))
    with torch.no_grad():
        tied.weight.add_(1.0)
    assert torch.equal(conv.weight, before)


def test_uniform_numbers_have_the_shape_and_depend_on_the_generator_alone():
    maps = torch.empty(3, 2, 4, 5)
    draws = [uniform_like(maps, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)]
    assert draws[0].shape == maps.shape
    assert torch.equal(draws[0], draws[1]) and not torch.equal(draws[0], draws[2])
    assert draws[0].min() >= 0 and draws[0].max() < 1
