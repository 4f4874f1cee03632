"""Batches by the kernels are those by torch: chosen images to the bit, resampled ones to rounding."""

import numpy as np
import pytest
import torch

from cnnlab.data import Augment, augment_batch, counter_generator, levels_of, normalise
from cnnlab.data.warp import affine_maps, affine_places, warp
from cnnlab.nn import Levels, chosen_images, mapped_images

pytestmark = pytest.mark.usefixtures("kernels")

MEAN, STD = {1: (0.13,), 3: (0.49, 0.48, 0.45)}, {1: (0.31,), 3: (0.25, 0.24, 0.26)}
CPU = torch.device("cpu")


def images_of(num, channels, height, width):
    generator = torch.Generator().manual_seed(num + channels + height + width)
    return torch.randint(0, 256, (num, channels, height, width), dtype=torch.uint8, generator=generator)


def levels(channels):
    off, by = (one.flatten().tolist() for one in levels_of(MEAN[channels], STD[channels], CPU))
    return Levels(off, by)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(28, 28), (5, 7), (1, 1)])
def test_chosen_images_are_the_same_to_the_bit(channels, size):
    images = images_of(9, channels, *size)
    chosen = torch.tensor([8, 0, 3, 3, 1, 7, 2, 8, 0, 0, 5])
    found = chosen_images(levels(channels), images, chosen)
    assert torch.equal(found, normalise(images[chosen], MEAN[channels], STD[channels]))
    assert found.is_contiguous(memory_format=torch.channels_last)
    assert chosen_images(levels(channels), images, chosen[:0]).shape == (0, channels, *size)


@pytest.mark.parametrize("chosen", [[0, 9], [-1]])
def test_images_that_are_not_there(chosen):
    with pytest.raises(AssertionError):
        chosen_images(levels(1), images_of(9, 1, 4, 4), torch.tensor(chosen))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(28, 28), (32, 32), (5, 7), (1, 1), (8, 16)])
def test_resampled_images_are_the_same_to_rounding(channels, size):
    most = Augment(shift=3.0, rotation=180.0, zoom=0.5, shear=40.0)
    images, outside = images_of(40, channels, *size), (-0.7, 0.2, 1.5)[:channels]
    maps = affine_maps(torch.rand(5, 40, generator=torch.Generator().manual_seed(1)), most, *size)
    found = mapped_images(levels(channels), images, maps, outside)
    colour = torch.tensor(outside).view(1, -1, 1, 1)
    floats = normalise(images, MEAN[channels], STD[channels])
    expected = warp(floats - colour, affine_places(maps, *size)) + colour
    torch.testing.assert_close(found, expected, atol=2e-4, rtol=0)  # a place is known to 1e-6 of a side
    assert (found - expected).abs().mean() < 2e-6
    assert found.is_contiguous(memory_format=torch.channels_last)


def test_places_far_outside_are_of_the_colour_there():
    maps = torch.tensor([[1.0, 0, 1e9], [0, 1, 0]]).repeat(2, 1, 1)
    maps[1, 0, 2] = -1e30
    found = mapped_images(levels(1), images_of(2, 1, 6, 6), maps, (0.25,))
    assert torch.equal(found, torch.full((2, 1, 6, 6), 0.25))


def test_the_map_that_moves_nothing():
    images, maps = images_of(3, 1, 28, 28), torch.tensor([[1.0, 0, 0], [0, 1, 0]]).repeat(3, 1, 1)
    found = mapped_images(levels(1), images, maps, (0.0,))
    torch.testing.assert_close(found, normalise(images, MEAN[1], STD[1]), atol=1e-4, rtol=0)


@pytest.mark.parametrize("threads", [1, 3])
def test_augmentation_is_the_same_to_rounding(threads):
    images, augment = images_of(50, 1, 28, 28), Augment(shift=2.0, rotation=10.0, noise=0.1)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        found, expected = (
            augment_batch(
                images,
                augment,
                counter_generator(3, "augment", 5),
                mean=MEAN[1],
                std=STD[1],
                resample=resample,
            )
            for resample in (lambda *rest: mapped_images(levels(1), *rest), None)
        )
    finally:
        torch.set_num_threads(before)
    torch.testing.assert_close(found, expected, atol=2e-4, rtol=0)
    assert np.abs((found - expected).numpy()).mean() < 2e-6
