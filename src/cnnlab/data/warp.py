"""Images resampled along random maps: shifts, turns, other sizes, slants, and waves."""

import math
from typing import Literal, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import grid_sample

WAVE_SHARE = 1 / 7
"""Deviation of the Gaussian that smooths waves, as a share of a side: 4 of 29 pixels in the source."""


class Deformation(Protocol):
    """How far images may be moved and bent; see `data.augment.Augment`."""

    @property
    def shift(self) -> float:
        """Pixels along each axis."""
        ...

    @property
    def rotation(self) -> float:
        """Degrees to either side."""
        ...

    @property
    def zoom(self) -> float:
        """Share by which images grow at most."""
        ...

    @property
    def shear(self) -> float:
        """Degrees of slant to either side."""
        ...


def affine_maps(draws: Tensor, most: Deformation, height: int, width: int) -> Tensor:
    """Turn draws into maps from a place in the new image to its place in the old one.

    Args:
        draws: 5 x N, on the CPU, uniform in [0, 1): angle, shift along x, shift along y, size, slant; 1/2 is
            none of it.
        most: how far each may go.
        height: of the images, in pixels.
        width: of the images, in pixels.

    Returns:
        N x 2 x 3, float32, in the coordinates of `torch.nn.functional.affine_grid` (-1 and 1 are the image's
        edges).
    """
    # In NumPy: on a few numbers a call of torch takes five times as long.
    angle, shift_x, shift_y, size, slant = 2 * draws.numpy() - 1
    angle = angle * math.radians(most.rotation)
    smaller = (1 + most.zoom) ** -size
    cosine, sine = smaller * np.cos(angle), smaller * np.sin(angle)
    tangent = np.tan(slant * math.radians(most.shear))
    maps = np.empty((len(angle), 2, 3), dtype=np.float32)
    # The unit of x is half the width and that of y half the height: a rotation of pixels needs their ratio.
    maps[:, 0, 0] = cosine
    maps[:, 0, 1] = (cosine * tangent - sine) * (height / width)
    maps[:, 0, 2] = shift_x * (most.shift * 2 / width)
    maps[:, 1, 0] = sine * (width / height)
    maps[:, 1, 1] = sine * tangent + cosine
    maps[:, 1, 2] = shift_y * (most.shift * 2 / height)
    return torch.from_numpy(maps)


def waves(amplitude: float, num: int, height: int, width: int, generator: torch.Generator) -> Tensor:
    """Return random smooth displacements (Simard et al., ICDAR 2003, section 2).

    Args:
        amplitude: standard deviation of a place's displacement along each axis, in pixels.
        num: of images.
        height: of the images, in pixels.
        width: of the images, in pixels.
        generator: a CPU generator.

    Returns:
        num x height x width x 2, in the coordinates of `affine_places`.
    """
    noise = torch.randn(num, 2, height, width, generator=generator)
    down, across = _smoothing(height), _smoothing(width)
    smooth = down @ noise @ across.T  # num x 2 x height x width
    return smooth.movedim(1, -1) * torch.tensor([2 * amplitude / width, 2 * amplitude / height])


def _smoothing(length: int) -> Tensor:
    """Return length x length: the Gaussian that makes smooth noise of deviation 1 from white noise."""
    places = torch.arange(length, dtype=torch.float64)
    kernel = torch.exp(-0.5 * ((places[:, None] - places) / (WAVE_SHARE * length)) ** 2)
    return (kernel / kernel.norm(dim=1, keepdim=True)).float()


def warp(images: Tensor, places: Tensor, *, outside: Literal["zeros", "reflection"] = "zeros") -> Tensor:
    """Resample images bilinearly.

    Args:
        images: N x C x H x W, float32.
        places: N x H x W x 2, as `affine_places` gives them: where each new pixel lies in the old image.
        outside: what lies outside an image; a reflection is at the outer edge of the outermost pixels.

    Returns:
        N x C x H x W, float32.
    """
    return grid_sample(images, places, mode="bilinear", padding_mode=outside, align_corners=False)


def affine_places(theta: Tensor, height: int, width: int) -> Tensor:
    """Return where the pixels of new images lie in the old ones, as `affine_grid` does, ten times as fast.

    A place is one complex number, x + iy, so that the sum over rows and columns is one pass over memory.

    Args:
        theta: N x 2 x 3, as `affine_maps` gives them.
        height: of the images, in pixels.
        width: of the images, in pixels.

    Returns:
        N x height x width x 2: x and y, where -1 and 1 are the image's edges.
    """
    across, down = (
        (2 * torch.arange(length, device=theta.device) + 1) / length - 1 for length in (width, height)
    )
    along_x, along_y, offset = torch.view_as_complex(theta.mT.contiguous())[:, :, None].unbind(1)
    rows, cols = along_y * down, along_x * across + offset  # N x height, N x width
    return torch.view_as_real(rows[:, :, None] + cols[:, None, :])
