"""`images.c` for torch: batches of training images, and images turned, moved and slanted."""

import ctypes
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from cnnlab.nn.kernels.parallel import run_kernel


class _Images(ctypes.Structure):
    """`Images` of images.c."""

    _fields_ = [(name, ctypes.c_int64) for name in ("channels", "height", "width")]


class Levels:
    """What becomes of pixels: (level - off) * by, for each channel.

    Args:
        off: C numbers, in grey levels.
        by: C numbers.
    """

    def __init__(self, off: Sequence[float], by: Sequence[float]) -> None:
        assert len(off) == len(by), (off, by)
        self.off, self.by = (np.asarray(numbers, dtype=np.float32) for numbers in (off, by))


def chosen_images(levels: Levels, images: Tensor, chosen: Tensor) -> Tensor:
    """Return some images, normalised: len(chosen) x C x H x W, float32, channels-last.

    Args:
        levels: what becomes of pixels.
        images: N x C x H x W, uint8, on the CPU, contiguous.
        chosen: which, int64.
    """
    _check(images, levels)
    chosen = chosen.contiguous()
    assert chosen.dtype == torch.int64 and chosen.is_cpu, chosen
    assert not len(chosen) or 0 <= int(chosen.min()) <= int(chosen.max()) < len(images), chosen
    out = _room(images, len(chosen))
    if len(chosen):
        run_kernel("images_chosen", _record(images), len(chosen), images, chosen, levels.off, levels.by, out)
    return out


def mapped_images(levels: Levels, images: Tensor, maps: Tensor, outside: Sequence[float]) -> Tensor:
    """Return images resampled bilinearly along affine maps, and normalised: N x C x H x W, channels-last.

    Args:
        levels: what becomes of pixels.
        images: N x C x H x W, uint8, on the CPU, contiguous.
        maps: N x 2 x 3, float32: from a place in the new image to its place in the old one, where -1 and 1
            are the image's edges.
        outside: C numbers: what lies outside an image, normalised.
    """
    _check(images, levels)
    maps = maps.contiguous()
    assert maps.shape == (len(images), 2, 3) and maps.dtype == torch.float32 and maps.is_cpu, maps.shape
    colour = np.asarray(outside, dtype=np.float32)
    assert colour.shape == levels.off.shape, colour
    out = _room(images, len(images))
    if len(images):
        arrays = (images, maps, levels.off, levels.by, colour, out)
        run_kernel("images_mapped", _record(images), len(images), *arrays)
    return out


def _check(images: Tensor, levels: Levels) -> None:
    assert images.dtype == torch.uint8 and images.is_cpu and images.is_contiguous(), images.shape
    assert levels.off.shape == (images.shape[1],), (levels.off, images.shape)


def _room(images: Tensor, num: int) -> Tensor:
    shape = (num, *images.shape[1:])
    return torch.empty(shape, dtype=torch.float32, device="cpu", memory_format=torch.channels_last)


def _record(images: Tensor) -> _Images:
    return _Images(*images.shape[1:])
