"""Kernels of 3x3 in the spectrum of Winograd's filtering, and the gradient from there."""

import ctypes

import torch
from torch import Tensor

from cnnlab.nn.kernels.parallel import empty_maps, run_kernel

STEP = 4  # a tile's side
POINTS = 36  # numbers of a tile in the spectrum


class _Kernels(ctypes.Structure):
    """`Kernels` of winograd_planes.c."""

    _fields_ = [(name, ctypes.c_int64) for name in ("channels", "row", "plane", "parts")]


def num_tiles(height: int, width: int) -> int:
    """Return how many tiles a map is cut into; its last ones may stand out."""
    return -(-height // STEP) * -(-width // STEP)


def spectrum_of_kernels(weight: Tensor, *, gap: int = 0) -> Tensor:
    """Return POINTS x K x (C + gap) of K x C x 3 x 3; nothing is written into the gaps.

    Either way lines and planes do not lie powers of two apart, where they would take each other's place in
    the cache: without gaps there is a row more behind each plane, which is not returned.
    """
    num, channels = weight.shape[:2]
    weight = weight.contiguous(memory_format=torch.channels_last)
    spectrum = weight.new_empty(POINTS, num if gap else num + 1, channels + gap)[:, :num]
    run_kernel("kernels_to_spectrum", _record(spectrum, channels), num, weight, spectrum)
    return spectrum


def grad_of_kernels(spectra: Tensor, *, gap: int = 0) -> Tensor:
    """Return K x C x 3 x 3 from parts of the gradient of their spectrum: parts x POINTS x K x (C + gap)."""
    _, _, num, row = spectra.shape
    grad = empty_maps((num, row - gap, 3, 3), like=spectra)
    record = _record(spectra[0], row - gap, parts=len(spectra))
    run_kernel("spectrum_to_kernels", record, num, grad, spectra)
    return grad


def _record(spectrum: Tensor, channels: int, *, parts: int = 1) -> _Kernels:
    plane, row, _ = spectrum.stride()
    return _Kernels(channels, row, plane, parts)
