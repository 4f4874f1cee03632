"""Windows of images."""

from torch import Tensor


def centre_crop(images: Tensor, size: int) -> Tensor:
    """Return the middle window of each image: what a network with `data.crop_size` sees outside training.

    Where the margins cannot be equal, the window lies half a pixel up and left of the middle.

    Args:
        images: N x C x H x W, of any type, on any device; H and W are at least `size`.
        size: height and width of the window, in pixels.

    Returns:
        N x C x size x size, a view.
    """
    height, width = images.shape[2:]
    assert 1 <= size <= min(height, width), (size, height, width)
    top, left = (height - size) // 2, (width - size) // 2
    return images[:, :, top : top + size, left : left + size]
