import numpy as np
import pytest
import torch
from PIL import Image

from cnnlab.data.images import resize
from cnnlab.data.images.resize import resize_image, resize_images, to_channels
from cnnlab.errors import MissingResourceError


def image(height: int, width: int, channels: int = 3, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (channels, height, width), dtype=torch.uint8, generator=generator)


def test_the_right_size_is_left_alone():
    assert torch.equal(resize_image(image(8, 8), 8), image(8, 8))


def test_images_that_do_not_fit_into_memory_are_refused(monkeypatch):
    images = image(8, 8)[None].expand(10, -1, -1, -1)
    monkeypatch.setattr(resize, "memory_bytes", lambda: 10 * 3 * 100**2)
    assert resize_images(images, 100).shape == (10, 3, 100, 100)
    monkeypatch.setattr(resize, "memory_bytes", lambda: 10 * 3 * 100**2 - 1)
    with pytest.raises(
        MissingResourceError, match=r"^10 images of 100x100 pixels take 0\.0 GB, .* data.image_size"
    ):
        resize_images(images, 100)
    assert resize_images(images, 8).shape == (10, 3, 8, 8)  # as they are: no more is needed


def test_the_central_square_is_cut():
    assert torch.equal(resize_image(image(8, 12), 8), image(8, 12)[:, :, 2:10])
    assert torch.equal(resize_image(image(13, 8), 8), image(13, 8)[:, 2:10])


@pytest.mark.parametrize("size", [5, 16, 31, 64])
def test_it_agrees_with_pillow(size):
    found = resize_image(image(32, 32), size)
    pillow = Image.fromarray(image(32, 32).permute(1, 2, 0).numpy()).resize(
        (size, size), Image.Resampling.BILINEAR
    )
    wanted = torch.from_numpy(np.array(pillow)).permute(2, 0, 1)
    assert (found.int() - wanted.int()).abs().max() <= 1


def test_reducing_is_antialiased():
    stripes = (torch.arange(64) % 2 * 255).to(torch.uint8).expand(1, 64, 64)
    reduced = resize_image(stripes, 8)[:, 1:-1, 1:-1].int()
    assert (reduced - 127).abs().max() <= 8


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 50_000), (50_000, 1), (2, 3)])
def test_extreme_shapes(height, width):
    assert resize_image(image(height, width, channels=1), 64).shape == (1, 64, 64)


def test_a_batch_is_its_images():
    images = torch.stack([image(20, 14, seed=seed) for seed in range(5)])
    assert torch.equal(resize_images(images, 9), torch.stack([resize_image(item, 9) for item in images]))


def test_batches_beyond_one_chunk():
    images = image(4, 4).expand(1500, -1, -1, -1)
    assert torch.equal(resize_images(images, 6)[-1], resize_image(image(4, 4), 6))
    assert torch.equal(to_channels(images, 1)[-1], to_channels(images[:1], 1)[0])


def test_grey_is_pillows_luma_exactly():
    colours = image(64, 64)
    wanted = np.asarray(Image.fromarray(colours.permute(1, 2, 0).numpy()).convert("L"))
    assert np.array_equal(to_channels(colours[None], 1)[0, 0].numpy(), wanted)


def test_colour_from_grey_repeats():
    grey = image(5, 5, channels=1)
    assert torch.equal(to_channels(grey[None], 3)[0], torch.cat([grey] * 3))
    assert torch.equal(to_channels(grey[None], 1)[0], grey)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_single_pixel_is_the_mean(channels):
    images = torch.arange(2 * channels * 16, dtype=torch.uint8).view(2, channels, 4, 4)
    found = resize_images(images, 1)
    expected = images.double().mean((2, 3)).round().to(torch.uint8)
    assert found.shape == (2, channels, 1, 1) and torch.equal(found[:, :, 0, 0], expected)
