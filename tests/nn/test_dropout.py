"""Dropout with cheap masks: how much it drops, and that a seed decides what."""

import pytest
import torch

from cnnlab.nn import Dropout


@pytest.mark.parametrize("shape", [(1000, 300), (30, 8, 10, 125)])
@pytest.mark.parametrize("p", [0.05, 0.2, 0.5, 0.75])
def test_the_share_that_is_dropped_and_the_mean(p, shape):
    torch.manual_seed(0)
    out = Dropout(p)(torch.ones(shape))
    dropped = (out == 0).float().mean().item()
    assert dropped == pytest.approx(p, abs=4 * (p * (1 - p) / 300_000) ** 0.5)  # four deviations
    assert out.mean().item() == pytest.approx(1.0, abs=0.02)
    assert out[out != 0].unique().tolist() == pytest.approx([1 / (1 - p)], rel=1e-4)


@pytest.mark.parametrize("shape", [(64, 48), (4, 8, 6, 6)])
def test_a_seed_decides_and_a_step_further_is_another_mask(shape):
    ones, layer = torch.ones(shape), Dropout(0.5)
    torch.manual_seed(3)
    first, second = layer(ones), layer(ones)
    torch.manual_seed(3)
    assert torch.equal(layer(ones), first) and not torch.equal(first, second)


def test_gradients_have_the_same_mask():
    values = torch.rand(2, 3, 5, 5).contiguous(memory_format=torch.channels_last).requires_grad_()
    out = Dropout(0.4)(values)
    out.sum().backward()
    assert torch.equal(values.grad != 0, out != 0)
    assert out.is_contiguous(memory_format=torch.channels_last)


def test_the_layout_of_maps_does_not_change_their_masks():
    masks = []
    for layout in (torch.channels_last, torch.contiguous_format):
        torch.manual_seed(3)
        masks.append(Dropout(0.5)(torch.ones(4, 8, 6, 5).contiguous(memory_format=layout)))
    assert torch.equal(*masks)


@pytest.mark.parametrize(("p", "expected"), [(0.0, 1.0), (1.0, 0.0)])
def test_nothing_or_everything(p, expected):
    assert Dropout(p)(torch.ones(20)).tolist() == [expected] * 20


def test_evaluation_changes_nothing():
    values = torch.rand(5, 5)
    assert Dropout(0.5).eval()(values) is values


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_types_stay(dtype):
    assert Dropout(0.5)(torch.ones(10, dtype=dtype)).dtype == dtype
