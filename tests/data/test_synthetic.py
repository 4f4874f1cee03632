import pytest
import torch

from cnnlab.data import load_data
from cnnlab.data.sources.synthetic import parse_shape
from cnnlab.errors import ConfigError


def test_shape_and_sizes():
    sets = load_data("synthetic:3x20x24x1000")
    assert {split: tuple(dataset.images.shape) for split, dataset in sets.items()} == {
        "train": (900, 3, 20, 24),
        "val": (100, 3, 20, 24),
        "test": (100, 3, 20, 24),
    }
    assert all(torch.bincount(dataset.labels, minlength=10).min() > 0 for dataset in sets.values())


def test_always_the_same_and_all_levels():
    first, second = (load_data("synthetic:1x8x8x500") for _ in range(2))
    for split in first:
        assert first[split].fingerprint == second[split].fingerprint
    assert len({dataset.fingerprint for dataset in first.values()}) == 3
    assert len(first["train"].images.unique()) == 256


@pytest.mark.parametrize(
    "rest", ["", "3x32x32", "2x32x32x10", "3x0x32x10", "3x32x32x-1", "3x32x32x10x1", "cat"]
)
def test_other_shapes_are_refused(rest):
    with pytest.raises(ConfigError, match=rf"synthetic:CxHxWxN .* Received: 'synthetic:{rest}'"):
        parse_shape(f"synthetic:{rest}")
