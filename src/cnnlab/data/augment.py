"""Random changes to a batch of training images, made on the whole batch at once, each with its own draw.

Every piece is a plain function of the images and of uniform numbers in [0, 1), one per image, so that each
can be compared with a loop over single images. Which piece reads which column of the draw is fixed:
switching one piece on or off leaves the others' numbers as they were.
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample, pad

from cnnlab.data.normalise import normalise

# Random erasing (Zhong et al., arXiv:1708.04896, section 3.2): s_l, s_h and r_1.
ERASED_AREA = (0.02, 0.4)
ERASED_ASPECT = 0.3

_NUM_DRAWS = 11


@dataclass(frozen=True)
class Augment:
    """What may happen to a training image; nothing by default.

    Attributes:
        pad_crop: pad by this many pixels on each side, then crop back to size at a random place.
        mirror: mirror left and right with probability 1/2.
        shift: move by up to this many pixels, fractions included, along each axis.
        rotation: rotate by up to this many degrees to either side.
        noise: standard deviation of Gaussian noise added to pixels in [0, 1]; sums are not clipped.
        erasing: probability that one random rectangle of the image is replaced by the mean colour.
        fill: colour of what comes in from outside the image: `black` (0), as for light strokes on a dark
            ground and most CIFAR recipes, or the data set's `mean` colour.
    """

    pad_crop: int = 0
    mirror: bool = False
    shift: float = 0.0
    rotation: float = 0.0
    noise: float = 0.0
    erasing: float = 0.0
    fill: Literal["black", "mean"] = "black"

    def __bool__(self) -> bool:
        return self != Augment(fill=self.fill)


def augment_batch(
    images: Tensor,
    augment: Augment,
    generator: torch.Generator,
    *,
    mean: tuple[float, ...],
    std: tuple[float, ...],
) -> Tensor:
    """Change each image at random, and normalise.

    The order is: pad, crop and mirror; shift and rotate; noise; erase.

    Args:
        images: N x C x H x W, uint8, on any device.
        augment: what may happen.
        generator: a CPU generator; all numbers are drawn on the CPU, so that a GPU sees the same images.
        mean: one per channel, in units of [0, 1]; as `normalise`.
        std: as `mean`.

    Returns:
        N x C x H x W, float32, on the device of `images`; exactly `normalise(images)` where nothing is on.
    """
    if not augment:
        return normalise(images, mean, std)
    draws = torch.rand(_NUM_DRAWS, len(images), generator=generator)
    if augment.pad_crop or augment.mirror:
        fill = [round(255 * level) if augment.fill == "mean" else 0 for level in mean]
        images = crop_and_mirror(images, draws[0], draws[1], draws[2], augment, fill)
    if augment.shift or augment.rotation:
        theta = affine_maps(draws[3:6], augment, images.shape[2], images.shape[3])
        if augment.fill == "mean":  # zero after normalisation is the mean colour
            floats = warp(normalise(images, mean, std), theta)
        else:
            black = [-level / deviation for level, deviation in zip(mean, std, strict=True)]
            offset = torch.tensor(black).to(images.device).view(1, -1, 1, 1)
            floats = warp(normalise(images, mean, std).sub_(offset), theta).add_(offset)
    else:
        floats = normalise(images, mean, std)
    if augment.noise:
        add_noise(floats, augment.noise, std, generator)
    if augment.erasing:
        erase(floats, draws[6:11], augment.erasing)
    return floats


def crop_and_mirror(
    images: Tensor, down: Tensor, right: Tensor, flip: Tensor, augment: Augment, fill: list[int]
) -> Tensor:
    """Pad each image, cut a window of the old size at a random place, and mirror some of the windows.

    Args:
        images: N x C x H x W, uint8.
        down: N, uniform in [0, 1): the window's top edge, over its 2 * pad_crop + 1 places.
        right: N, uniform in [0, 1): its left edge.
        flip: N, uniform in [0, 1): mirrored if below 1/2 and `augment.mirror` is on.
        augment: for `pad_crop` and `mirror`.
        fill: the padding's grey level, one per channel.

    Returns:
        N x C x H x W, uint8.
    """
    num, channels, height, width = images.shape
    margin = augment.pad_crop
    top = (down * (2 * margin + 1)).long()
    left = (right * (2 * margin + 1)).long()
    rows = top[:, None] + torch.arange(height)  # N x H
    cols = left[:, None] + torch.arange(width)  # N x W
    if augment.mirror:
        cols = torch.where((flip < 0.5)[:, None], cols.flip(1), cols)
    padded_width = width + 2 * margin
    places = (rows[:, :, None] * padded_width + cols[:, None, :]).view(num, 1, -1).to(images.device)
    padded = _padded(images, margin, fill).reshape(num, channels, -1)  # N x C x (H+2m)(W+2m)
    return padded.gather(2, places.expand(-1, channels, -1)).view(num, channels, height, width)


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


def affine_maps(draws: Tensor, augment: Augment, height: int, width: int) -> Tensor:
    """Turn draws into maps from a place in the new image to its place in the old one.

    Args:
        draws: 3 x N, uniform in [0, 1): angle, shift along x, shift along y.
        augment: for `rotation` (degrees) and `shift` (pixels).
        height: of the images, in pixels.
        width: of the images, in pixels.

    Returns:
        N x 2 x 3, in the coordinates of `torch.nn.functional.affine_grid` (-1 and 1 are the image's edges).
    """
    angle, shift_x, shift_y = 2 * draws - 1
    angle = angle * math.radians(augment.rotation)
    cosine, sine = angle.cos(), angle.sin()
    # The unit of x is half the width and that of y half the height: a rotation of pixels needs their ratio.
    dx = shift_x * augment.shift * 2 / width
    dy = shift_y * augment.shift * 2 / height
    top = torch.stack([cosine, -sine * height / width, dx], dim=1)
    bottom = torch.stack([sine * width / height, cosine, dy], dim=1)
    return torch.stack([top, bottom], dim=1)


def warp(images: Tensor, theta: Tensor) -> Tensor:
    """Resample images bilinearly along affine maps; what lies outside an image is zero.

    Args:
        images: N x C x H x W, float32.
        theta: N x 2 x 3, as `affine_maps` gives them.

    Returns:
        N x C x H x W, float32.
    """
    grid = affine_grid(theta.to(images.device), list(images.shape), align_corners=False)
    return grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def add_noise(images: Tensor, noise: float, std: tuple[float, ...], generator: torch.Generator) -> None:
    """Add Gaussian noise in place; `images` are normalised, `noise` is in units of [0, 1]."""
    scale = noise / torch.tensor(std).view(1, -1, 1, 1)
    images.add_(torch.randn(images.shape, generator=generator).mul_(scale).to(images.device))


def erase(images: Tensor, draws: Tensor, probability: float) -> None:
    """Set one random rectangle of some images to zero, in place: the mean colour, once normalised.

    Area and aspect are those of random erasing (arXiv:1708.04896, algorithm 1). Deviation: where the paper
    draws again until the rectangle fits, the aspect is drawn from the part of its range that fits.

    Args:
        images: N x C x H x W, float32, normalised.
        draws: 5 x N, uniform in [0, 1): whether, area, aspect, top, left.
        probability: of erasing.
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
    images.masked_fill_(erased, 0.0)


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
