import numpy as np
import pytest
import torch

from cnnlab.data import centre_crop
from cnnlab.data.crop import crop_and_mirror


def test_the_middle_window_worked_by_hand():
    images = torch.arange(30).view(1, 1, 5, 6)
    assert centre_crop(images, 3)[0, 0].tolist() == [[7, 8, 9], [13, 14, 15], [19, 20, 21]]
    assert centre_crop(images, 4)[0, 0, 0].tolist() == [1, 2, 3, 4]
    assert centre_crop(images, 2)[0, 0].tolist() == [[8, 9], [14, 15]]


def test_224_of_256_leaves_16_pixels_on_each_side():
    images = torch.arange(256).view(1, 1, 1, 256).expand(1, 1, 256, 256)
    window = centre_crop(images, 224)
    assert window.shape == (1, 1, 224, 224)
    assert window[0, 0, 0, [0, -1]].tolist() == [16, 239]


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_the_whole_image_is_a_window_and_nothing_is_copied(dtype):
    images = torch.zeros(2, 3, 8, 8, dtype=dtype)
    assert torch.equal(centre_crop(images, 8), images)
    centre_crop(images, 4).add_(1)
    assert images.sum() == 2 * 3 * 4 * 4


def batch(num: int = 16, channels: int = 3, height: int = 10, width: int = 12) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (num, channels, height, width), dtype=torch.uint8, generator=generator)


def draws(num: int) -> torch.Tensor:
    return torch.rand(3, num, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("fill", [[0, 0, 0], [128, 102, 76]])
@pytest.mark.parametrize("size", [(10, 12), (7, 7), (1, 3)])
@pytest.mark.parametrize(("margin", "mirror"), [(0, True), (2, False), (3, True), (0, False)])
def test_crop_and_mirror_against_a_loop(size, margin, mirror, fill):
    images, numbers = batch(8), draws(8)
    found = crop_and_mirror(images, numbers, size, margin=margin, fill=fill, mirror=mirror)
    height, width = size
    for number, image in enumerate(images):
        down, right, flip = numbers[:, number].tolist()
        top, left = int(down * (11 + 2 * margin - height)), int(right * (13 + 2 * margin - width))
        is_mirrored = mirror and flip < 0.5
        for channel in range(3):
            for y in range(height):
                for x in range(width):
                    row, col = top + y - margin, left + (width - 1 - x if is_mirrored else x) - margin
                    is_inside = 0 <= row < 10 and 0 <= col < 12
                    wanted = image[channel, row, col] if is_inside else fill[channel]
                    assert found[number, channel, y, x] == wanted


@pytest.mark.parametrize(("margin", "mirror"), [(2, False), (3, True), (14, False)])
def test_an_image_that_goes_on_mirrored(margin, mirror):
    images, numbers = batch(8), draws(8)
    found = crop_and_mirror(images, numbers, (10, 12), margin=margin, mirror=mirror, reflect=True)
    padded = images.numpy()
    padded = np.pad(padded, ((0, 0), (0, 0), (margin, margin), (margin, margin)), mode="reflect")
    for number in range(8):
        down, right, flip = numbers[:, number].tolist()
        top, left = int(down * (2 * margin + 1)), int(right * (2 * margin + 1))
        window = padded[number, :, top : top + 10, left : left + 12]
        wanted = window[:, :, ::-1] if mirror and flip < 0.5 else window
        assert np.array_equal(found[number].numpy(), wanted)


def test_one_pixel_goes_on_as_itself():
    images = torch.full((2, 1, 1, 1), 7, dtype=torch.uint8)
    assert (crop_and_mirror(images, draws(2), (1, 1), margin=3, reflect=True) == 7).all()


def test_a_crop_in_the_middle_without_mirror_is_the_image():
    half = torch.full((3, 16), 0.5)
    assert torch.equal(crop_and_mirror(batch(), half, (10, 12), margin=4, mirror=True), batch())


def test_a_window_in_the_middle_is_the_centre_crop():
    half = torch.full((3, 16), 0.5)
    images = batch(height=11, width=11)
    assert torch.equal(crop_and_mirror(images, half, (7, 7)), centre_crop(images, 7))


def test_all_places_of_the_crop_are_reached_alike():
    images = torch.arange(1, 26, dtype=torch.uint8).view(1, 1, 5, 5).expand(4000, -1, -1, -1)
    padded = crop_and_mirror(images, draws(4000), (5, 5), margin=1, mirror=True)
    centres = padded[:, 0, 2, 2].bincount(minlength=26)
    assert (centres > 0).sum() == 9  # the centre pixel moves by -1, 0 or 1 along each axis
    assert centres[centres > 0].min() > 4000 / 9 * 0.8
    windows = crop_and_mirror(images, draws(4000), (3, 3))
    corners = windows[:, 0, 0, 0].bincount(minlength=26)
    assert corners.nonzero().flatten().tolist() == [1, 2, 3, 6, 7, 8, 11, 12, 13]
    assert corners[corners > 0].min() > 4000 / 9 * 0.8


def test_windows_of_224_reach_both_edges_of_256():
    """They have 33 places along each axis; the paper counts 32 (section 4.1)."""
    image = torch.arange(256, dtype=torch.uint8).view(1, 1, 1, 256).expand(2, 1, 256, 256)
    edges = torch.tensor([[0.0, 1.0], [0.0, 1.0], [0.9, 0.9]]).clamp(max=1 - 2**-24)
    window = crop_and_mirror(image, edges, (224, 224))
    assert window[:, 0, 0, 0].tolist() == [0, 32]


def test_the_largest_draw_is_not_out_of_the_image():
    largest = torch.full((3, 1), 1 - 2**-24)
    for places in range(1, 1026):
        image = torch.zeros(1, 1, places, places, dtype=torch.uint8)
        assert crop_and_mirror(image, largest, (1, 1)).shape == (1, 1, 1, 1)
