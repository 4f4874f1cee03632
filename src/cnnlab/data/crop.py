"""Windows of images: at a random place and mirrored in training, in the middle everywhere else."""

import torch
from torch import Tensor
from torch.nn.functional import pad


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


def crop_and_mirror(
    images: Tensor,
    draws: Tensor,
    size: tuple[int, int],
    *,
    margin: int = 0,
    fill: list[int] | None = None,
    mirror: bool = False,
    reflect: bool = False,
) -> Tensor:
    """Pad each image, cut a window at a random place, and mirror some of the windows: all by one gather.

    Args:
        images: N x C x H x W, uint8.
        draws: 3 x N, uniform in [0, 1): the window's top edge, over the H + 2 * margin - height + 1 places
            that it has; its left edge likewise; and whether it is mirrored, which it is below 1/2.
        size: height and width of the window, in pixels; at most those of a padded image.
        margin: width of the padding on each side, in pixels.
        fill: the padding's grey level, one per channel; 0 if not given.
        mirror: mirror some windows.
        reflect: let the image go on mirrored at its outermost pixels, instead of a padding of one colour.

    Returns:
        N x C x height x width, uint8.
    """
    num, channels = images.shape[:2]
    height, width = size
    padded = images if reflect else _padded(images, margin, fill or [0] * channels)
    num_rows, num_cols = images.shape[2] + 2 * margin, images.shape[3] + 2 * margin
    down, right, flip = draws
    top = (down * (num_rows - height + 1)).long()
    left = (right * (num_cols - width + 1)).long()
    rows = top[:, None] + torch.arange(height)  # N x height
    cols = left[:, None] + torch.arange(width)  # N x width
    if mirror:
        cols = torch.where((flip < 0.5)[:, None], cols.flip(1), cols)
    if reflect:
        rows, cols = (
            _reflected(places - margin, images.shape[2 + axis]) for axis, places in enumerate((rows, cols))
        )
        num_cols = images.shape[3]
    rows, cols = rows.to(images.device), cols.to(images.device)  # what is made of them is N x H x W numbers
    places = (rows[:, :, None] * num_cols + cols[:, None, :]).view(num, 1, -1)
    flat = padded.reshape(num, channels, -1)  # N x C x (H + 2m)(W + 2m)
    return flat.gather(2, places.expand(-1, channels, -1)).view(num, channels, height, width)


def _reflected(places: Tensor, length: int) -> Tensor:
    """Bring places outside 0..length-1 back inside, as mirrors at the first and the last place do."""
    period = max(1, 2 * (length - 1))
    places = places.remainder(period)
    return torch.minimum(places, period - places)


def _padded(images: Tensor, margin: int, fill: list[int]) -> Tensor:
    """Put a frame of one colour round the images."""
    if not margin:
        return images
    padded = pad(images, (margin,) * 4)
    if any(fill):
        frame = torch.tensor(fill, dtype=torch.uint8).to(images.device).view(1, -1, 1, 1)
        inside = padded[:, :, margin:-margin, margin:-margin].clone()
        padded.copy_(frame.expand_as(padded))
        padded[:, :, margin:-margin, margin:-margin] = inside
    return padded
