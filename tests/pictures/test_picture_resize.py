import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate

from cnnlab.data.images.resize import resize_image
from cnnlab.data.images.resize import to_channels as tensor_to_channels
from cnnlab.pictures import resize_picture, to_channels
from cnnlab.pictures.resize import resize_bytes, resize_floats

SIZES = [(1, 1), (1, 9), (5, 4), (28, 28), (31, 200), (97, 64), (301, 299)]


def picture(channels: int, height: int, width: int) -> np.ndarray:
    return np.random.default_rng(height * width).integers(0, 256, (channels, height, width), dtype=np.uint8)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("height", "width"), SIZES)
@pytest.mark.parametrize("size", [1, 2, 8, 28, 33, 224])
def test_a_square_has_the_bytes_of_torch(channels, height, width, size):
    pixels = picture(channels, height, width)
    expected = resize_image(torch.from_numpy(pixels), size)
    assert np.array_equal(resize_picture(pixels, size), expected.numpy())


@pytest.mark.parametrize("extreme", [0, 255])
def test_one_level_stays_that_level(extreme):
    pixels = np.full((1, 70, 70), extreme, dtype=np.uint8)
    assert np.all(resize_picture(pixels, 31) == extreme) and np.all(resize_picture(pixels, 99) == extreme)


@pytest.mark.parametrize("shape", [(20, 12), (3, 90), (64, 64)])
def test_any_rectangle_has_the_bytes_of_torch(shape):
    pixels = picture(1, 75, 64)
    expected = interpolate(torch.from_numpy(pixels)[None], shape, mode="bilinear", antialias=True)[0]
    assert np.array_equal(resize_bytes(pixels, shape), expected.numpy())


@pytest.mark.parametrize("shape", [(20, 12), (3, 90), (64, 64)])
def test_numbers_are_those_of_torch(shape):
    values = np.random.default_rng(0).random((75, 64))
    expected = interpolate(torch.from_numpy(values)[None, None], shape, mode="bilinear", antialias=True)[0, 0]
    assert np.abs(resize_floats(values, shape) - expected.numpy()).max() < 1e-12


def test_a_column_is_the_weighted_mean_of_its_rows():
    values = np.arange(12.0).reshape(3, 4)
    weights = np.array([1 - 1.5 / 4, 1 - 0.5 / 4, 1 - 0.5 / 4, 1 - 1.5 / 4])
    expected = values @ (weights / weights.sum())
    assert resize_floats(values, (3, 1))[:, 0] == pytest.approx(expected)


@pytest.mark.parametrize(("has", "wants"), [(1, 1), (1, 3), (3, 1), (3, 3)])
def test_channels_are_those_of_tensors(has, wants):
    pixels = picture(has, 30, 40)
    expected = tensor_to_channels(torch.from_numpy(pixels)[None], wants)[0]
    assert np.array_equal(to_channels(pixels, wants), expected.numpy())
