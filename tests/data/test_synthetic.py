import pytest
import torch

from cnnlab.data import load_data
from cnnlab.data.sources import synthetic
from cnnlab.data.sources.synthetic import parse_shape
from cnnlab.errors import ConfigError


def test_shape_and_sizes():
    sets = load_data("synthetic:3x24x24x1000")
    assert {split: tuple(dataset.images.shape) for split, dataset in sets.items()} == {
        "train": (900, 3, 24, 24),
        "val": (100, 3, 24, 24),
        "test": (100, 3, 24, 24),
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


@pytest.mark.parametrize("rest", ["1x28x32x100", "3x32x31x10"])
def test_images_that_are_not_square_are_refused(rest):
    with pytest.raises(ConfigError, match=rf"must be square.* Received: 'synthetic:{rest}'") as caught:
        load_data(f"synthetic:{rest}")
    assert "\n" not in str(caught.value)


def test_more_than_half_of_the_memory_is_refused(monkeypatch):
    monkeypatch.setattr(synthetic, "memory_bytes", lambda: 2 * 100 * (3 * 8 * 8 + 8))
    assert parse_shape("synthetic:3x8x8x100") == (3, 8, 8, 100)
    with pytest.raises(ConfigError, match=r"needs 20200 bytes, and 20000 bytes .* available") as caught:
        load_data("synthetic:3x8x8x101")
    assert "'synthetic:3x8x8x101'" in str(caught.value) and "\n" not in str(caught.value)
    monkeypatch.setattr(synthetic, "memory_bytes", lambda: 0)  # the system does not tell
    assert parse_shape("synthetic:3x8x8x101") == (3, 8, 8, 101)


@pytest.mark.parametrize("memory", [0, 2**34])
@pytest.mark.parametrize("rest", ["3x99999x99999x99999", "1x1x1x" + "9" * 5000])
def test_what_no_machine_can_hold_is_refused(rest, memory, monkeypatch):
    monkeypatch.setattr(synthetic, "memory_bytes", lambda: memory)
    with pytest.raises(ConfigError, match=r"data\.name: ") as caught:
        load_data(f"synthetic:{rest}")
    assert "\n" not in str(caught.value)
