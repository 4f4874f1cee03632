from importlib import import_module

import pytest
import torch

from cnnlab.data import channel_stats, make_dataset, normalise, scale_of
from cnnlab.data.normalise import SMALLEST_STD


def dataset(images: torch.Tensor):
    return make_dataset("fake", "train", images, torch.zeros(len(images), dtype=torch.int64), ("a", "b"))


def test_worked_by_hand():
    images = torch.tensor([[[[0, 255]], [[51, 102]]]], dtype=torch.uint8)  # 1 x 2 x 1 x 2
    values = normalise(images, (0.5, 0.2), (0.5, 0.1))
    assert values.dtype == torch.float32
    assert values.flatten().tolist() == pytest.approx([-1, 1, 0, 2], abs=1e-6)


def test_stats_worked_by_hand():
    images = torch.tensor([[[[0, 255]], [[51, 51]]], [[[255, 0]], [[51, 51]]]], dtype=torch.uint8)
    mean, std = channel_stats(dataset(images))
    assert mean == pytest.approx((0.5, 0.2)) and std == pytest.approx((0.5, SMALLEST_STD))


@pytest.mark.parametrize("chunk_pixels", [1, 1000 * 35, 2**20])
def test_stats_against_float64_over_any_number_of_chunks(monkeypatch, chunk_pixels):
    module = import_module("cnnlab.data.normalise")  # `cnnlab.data.normalise` is the function
    monkeypatch.setattr(module, "_CHUNK_PIXELS", chunk_pixels)
    images = torch.randint(
        0, 256, (2500, 3, 5, 7), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    mean, std = channel_stats(dataset(images))
    pixels = images.double() / 255
    assert mean == pytest.approx(pixels.mean((0, 2, 3)).tolist(), abs=1e-12)
    assert std == pytest.approx(pixels.std((0, 2, 3), correction=0).tolist(), abs=1e-12)


def test_stats_make_mean_0_and_std_1():
    images = torch.randint(
        0, 256, (400, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    values = normalise(images, *channel_stats(dataset(images)))
    assert values.mean().abs() < 1e-4 and (values.std(correction=0) - 1).abs() < 1e-4


@pytest.mark.parametrize(
    ("scale", "wanted"),
    [("standard", [-0.5, 2.0]), ("unit", [0.2, 0.8]), ("centred", [-0.12 * 255, 0.48 * 255])],
)
def test_scales_worked_by_hand(scale, wanted):
    """Levels 51 and 204 of a channel whose mean is 0.32, deviation 0.24."""
    images = torch.tensor([51, 204], dtype=torch.uint8).view(1, 1, 1, 2)
    values = normalise(images, *scale_of(scale, (0.32,), (0.24,)))
    assert values.flatten().tolist() == pytest.approx(wanted, rel=1e-5)


def test_stats_do_not_depend_on_threads_or_order():
    images = torch.randint(
        0, 256, (3000, 3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    wanted = channel_stats(dataset(images))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        assert channel_stats(dataset(images.flip(0))) == wanted
    finally:
        torch.set_num_threads(threads)


def test_mnist_has_the_well_known_figures(shared_data):
    from cnnlab.data import load_data

    sets = load_data("mnist", root=shared_data("mnist"), splits=["train", "val"], download=False)
    images = torch.cat([sets["train"].images, sets["val"].images])
    mean, std = channel_stats(dataset(images))
    assert (round(mean[0], 4), round(std[0], 4)) == (0.1307, 0.3081)
