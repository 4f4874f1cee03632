"""Kernels of 3x3 and 5x5 in the spectrum of Winograd's filtering, and the gradient from there."""

import ctypes

import torch
from torch import Tensor

from cnnlab.nn.kernels.parallel import empty_maps, run_kernel

STEPS = {3: 4, 5: 2}
"""A tile's side by that of the kernels."""
POINTS = 36  # numbers of a tile in the spectrum


class _Kernels(ctypes.Structure):
    """`Kernels` of winograd_planes.c."""

    _fields_ = [(name, ctypes.c_int64) for name in ("channels", "taps", "row", "plane", "parts")]


def num_tiles(height: int, width: int, taps: int) -> int:
    """Return how many tiles a map is cut into for kernels of that side; its last ones may stand out."""
    return -(-height // STEPS[taps]) * -(-width // STEPS[taps])


def spectrum_of_kernels(weight: Tensor, *, gap: int = 0) -> Tensor:
    """Return POINTS x K x (C + gap) of K x C x taps x taps; nothing is written into the gaps.

    Either way lines and planes do not lie powers of two apart, where they would take each other's place in
    the cache: without gaps there is a row more behind each plane, which is not returned.
    """
    num, channels, taps, _ = weight.shape
    weight = weight.contiguous(memory_format=torch.channels_last)
    spectrum = weight.new_empty(POINTS, num if gap else num + 1, channels + gap)[:, :num]
    run_kernel("kernels_to_spectrum", _record(spectrum, channels, taps), num, weight, spectrum)
    return spectrum


def grad_of_kernels(spectra: Tensor, taps: int, *, gap: int = 0) -> Tensor:
    """Return K x C x taps x taps from parts of their spectrum's gradient, parts x POINTS x K x (C + gap)."""
    _, _, num, row = spectra.shape
    grad = empty_maps((num, row - gap, taps, taps), like=spectra)
    record = _record(spectra[0], row - gap, taps, parts=len(spectra))
    run_kernel("spectrum_to_kernels", record, num, grad, spectra)
    return grad


def join(grads: list[Tensor]) -> Tensor:
    """Return the gradients of all groups' kernels as one."""
    return grads[0] if len(grads) == 1 else torch.cat(grads)


def _record(spectrum: Tensor, channels: int, taps: int, *, parts: int = 1) -> _Kernels:
    plane, row, _ = spectrum.stride()
    return _Kernels(channels, taps, row, plane, parts)
