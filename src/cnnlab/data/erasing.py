"""Random erasing: one rectangle of an image becomes one colour."""

import torch
from torch import Tensor

# Random erasing (Zhong et al., arXiv:1708.04896, section 3.2): s_l, s_h and r_1.
ERASED_AREA = (0.02, 0.4)
ERASED_ASPECT = 0.3


def erase(images: Tensor, draws: Tensor, probability: float, colour: tuple[float, ...]) -> None:
    """Set one random rectangle of some images to one colour, in place.

    Area and aspect are those of random erasing (arXiv:1708.04896, algorithm 1). Deviation: where the paper
    draws again until the rectangle fits, the aspect is drawn from the part of its range that fits.

    Args:
        images: N x C x H x W, float32, normalised.
        draws: 5 x N, uniform in [0, 1): whether, area, aspect, top, left.
        probability: of erasing.
        colour: what the rectangle is set to, one number per channel, normalised.
    """
    height, width = images.shape[2:]
    heights, widths = erased_sizes(draws[1], draws[2], height, width)
    top = (draws[3] * (height - heights + 1)).floor()
    left = (draws[4] * (width - widths + 1)).floor()
    heights = torch.where(draws[0] < probability, heights, torch.zeros_like(heights))
    rows, cols = torch.arange(height), torch.arange(width)
    in_rows = (rows >= top[:, None]) & (rows < (top + heights)[:, None])  # N x H
    in_cols = (cols >= left[:, None]) & (cols < (left + widths)[:, None])  # N x W
    erased = (in_rows[:, None, :, None] & in_cols[:, None, None, :]).to(images.device)  # N x 1 x H x W
    level = torch.tensor(colour).to(images.device).view(1, -1, 1, 1)
    images.copy_(torch.where(erased, level, images))


def erased_sizes(area: Tensor, aspect: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Return heights and widths, in whole pixels, of rectangles that fit; draws are uniform in [0, 1)."""
    smallest, largest = ERASED_AREA
    share = smallest + area * (largest - smallest)
    lowest = (share * height / width).clamp(min=ERASED_ASPECT)  # below it the width would not fit
    highest = (height / (share * width)).clamp(max=1 / ERASED_ASPECT)  # above it the height would not
    ratio = lowest + aspect * (highest - lowest)
    pixels = share * height * width
    heights = (pixels * ratio).sqrt().round().clamp(1, height)
    widths = (pixels / ratio).sqrt().round().clamp(1, width)
    return heights, widths
