"""Resampling against a loop over single images and pixels, and against torch."""

import math

import pytest
import torch
from torch import Tensor

from cnnlab.data import Augment, augment_batch, counter_generator, normalise
from cnnlab.data.warp import affine_maps, affine_places, warp, waves


def batch(num: int = 16, channels: int = 3, height: int = 10, width: int = 12) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (num, channels, height, width), dtype=torch.uint8, generator=generator)


def warped(images: Tensor, draws: Tensor, augment: Augment) -> Tensor:
    height, width = images.shape[2:]
    return warp(images, affine_places(affine_maps(draws, augment, height, width), height, width))


def bilinear(image: Tensor, y: float, x: float) -> float:
    """The value at a place between pixels; zero outside."""
    value = 0.0
    for row in (math.floor(y), math.floor(y) + 1):
        for col in (math.floor(x), math.floor(x) + 1):
            if 0 <= row < image.shape[0] and 0 <= col < image.shape[1]:
                value += (1 - abs(y - row)) * (1 - abs(x - col)) * float(image[row, col])
    return value


@pytest.mark.parametrize(("zoom", "shear"), [(0.0, 0.0), (0.25, 0.0), (0.0, 20.0), (0.25, 20.0)])
def test_against_a_loop(zoom, shear):
    images = batch(6).float()
    numbers = torch.rand(5, 6, generator=torch.Generator().manual_seed(1))
    found = warped(images, numbers, Augment(shift=2.5, rotation=40, zoom=zoom, shear=shear))
    for number in range(6):
        angle, shift_x, shift_y, size, slant = (2 * numbers[:, number] - 1).tolist()
        angle, shift_x, shift_y = math.radians(40 * angle), 2.5 * shift_x, 2.5 * shift_y
        size, slant = (1 + zoom) ** size, math.tan(math.radians(shear * slant))
        for y in range(10):
            for x in range(12):
                # Shear, then rotation about the centre, both of a place that the size brings nearer, then the
                # shift, all in pixels: x' = x cos - y sin, y' = x sin + y cos.
                from_x, from_y = (x - 5.5) / size, (y - 4.5) / size
                from_x += slant * from_y
                old_x = from_x * math.cos(angle) - from_y * math.sin(angle) + 5.5 + shift_x
                old_y = from_x * math.sin(angle) + from_y * math.cos(angle) + 4.5 + shift_y
                wanted = bilinear(images[number, 1], old_y, old_x)
                assert abs(found[number, 1, y, x] - wanted) < 0.02


def test_draws_in_the_middle_are_the_image():
    images = batch().float()
    half = torch.full((5, 16), 0.5)
    found = warped(images, half, Augment(shift=3, rotation=90, zoom=0.5, shear=30))
    assert (found - images).abs().max() < 1e-3


def test_a_whole_pixel_shift_moves_pixels():
    images = batch().float()
    # x from 1 further right, y from 1 further up
    numbers = torch.tensor([[0.5], [1.0], [0.0], [0.5], [0.5]]).expand(-1, 16)
    found = warped(images, numbers, Augment(shift=1))
    assert (found[:, :, 1:, :-1] - images[:, :, :-1, 1:]).abs().max() < 1e-3
    assert found[:, :, 0].abs().max() < 1e-3 and found[:, :, :, -1].abs().max() < 1e-3


def test_twice_the_size_shows_the_middle_half():
    images = torch.zeros(1, 1, 8, 8)
    images[..., 2:6, 2:6] = 1.0
    largest = torch.tensor([[0.5], [0.5], [0.5], [1.0], [0.5]])
    assert warped(images, largest, Augment(zoom=1.0))[0, 0, 1:7, 1:7].min() == 1.0
    smallest = warped(images, 1 - largest, Augment(zoom=1.0))
    assert 0.9 < float(smallest.sum()) / 4 < 1.1  # 2 x 2 pixels of 4 x 4


@pytest.mark.parametrize("size", [(28, 28), (5, 9), (1, 1)])
def test_places_are_those_of_an_affine_grid(size):
    theta = torch.randn(6, 2, 3, generator=torch.Generator().manual_seed(0))
    expected = torch.nn.functional.affine_grid(theta, [6, 1, *size], align_corners=False)
    torch.testing.assert_close(affine_places(theta, *size), expected, rtol=1e-5, atol=1e-6)


def test_a_shifted_image_goes_on_mirrored():
    images = torch.arange(12.0).view(1, 1, 3, 4)
    to_the_left = torch.tensor([[0.5], [1.0], [0.5], [0.5], [0.5]])
    places = affine_places(affine_maps(to_the_left, Augment(shift=1.0), 3, 4), 3, 4)
    found = warp(images, places, outside="reflection")
    wanted = torch.tensor([[1.0, 2, 3, 3], [5, 6, 7, 7], [9, 10, 11, 11]])
    torch.testing.assert_close(found[0, 0], wanted, rtol=0, atol=1e-5)


def test_waves_have_the_deviation_asked_for_and_are_smooth():
    found = waves(2.0, 500, 28, 20, counter_generator(0, "elastic")) * torch.tensor(
        [20 / 2, 28 / 2]
    )  # pixels
    assert found.shape == (500, 28, 20, 2)
    torch.testing.assert_close(found.std(dim=0), torch.full((28, 20, 2), 2.0), rtol=0, atol=0.35)
    assert found.mean().abs() < 0.1
    # A Gaussian of deviation s has slopes of deviation 1 / (s sqrt(2)) for every pixel of displacement.
    slopes = found[:, 11:17, 8:12].diff(dim=1).std()
    assert abs(float(slopes) - 2 / (4 * math.sqrt(2))) < 0.05


def run(images: Tensor, augment: Augment) -> Tensor:
    return augment_batch(images, augment, counter_generator(0, "augment", 0), mean=(0.5,) * 3, std=(0.2,) * 3)


def test_bending_moves_each_image_its_own_way_and_leaves_the_other_numbers():
    images = batch(4, height=28, width=28)[:1].expand(4, -1, -1, -1)
    bent = run(images, Augment(elastic=1.5))
    assert not torch.equal(bent[0], bent[1])
    assert torch.equal(bent, run(images, Augment(elastic=1.5)))
    plain, also = run(images, Augment(erasing=1.0)), run(images, Augment(erasing=1.0, elastic=1.5, zoom=0.1))
    assert torch.equal(plain == 0, also == 0)  # the same rectangles
    assert not torch.equal(plain, also)


def test_white_stays_white_where_the_mean_comes_in():
    white = torch.full((8, 3, 10, 10), 255, dtype=torch.uint8)
    augment = Augment(zoom=0.5, shear=20, elastic=1.0, fill="mean")
    assert run(white, augment).amin() == pytest.approx(0.0, abs=1e-5)
    inner = run(white, Augment(zoom=0.2, elastic=0.2))[..., 4:6, 4:6]
    torch.testing.assert_close(inner, normalise(white, (0.5,) * 3, (0.2,) * 3)[..., 4:6, 4:6])
