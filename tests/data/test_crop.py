import pytest
import torch

from cnnlab.data import centre_crop


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
