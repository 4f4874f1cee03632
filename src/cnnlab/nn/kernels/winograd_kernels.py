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

    _fields_ = [(name, ctypes.c_int64) for name in ("channels", "taps", "row", "plane", "parts", "num")]


def num_tiles(height: int, width: int, taps: int) -> int:
    """Return how many tiles a map is cut into for kernels of that side; its last ones may stand out."""
    return -(-height // STEPS[taps]) * -(-width // STEPS[taps])


def spectrum_of_kernels(weight: Tensor, *, gap: int = 0, is_turned: bool = False) -> Tensor:
    """Return POINTS x K x C of K x C x taps x taps, or POINTS x C x K if it is to be turned.

    Lines and planes do not lie powers of two apart, where they would take each other's place in the cache.
    """
    num, channels, taps, _ = weight.shape
    weight = weight.contiguous(memory_format=torch.channels_last)
    rows, numbers = (channels, num) if is_turned else (num, channels)
    spectrum = room_for_spectra(weight, 1, rows, numbers, gap)[0]
    record = _record(spectrum, channels, taps)
    record.num = num if is_turned else 0
    run_kernel("kernels_to_spectrum", record, rows, weight, spectrum)
    return spectrum


def room_for_spectra(like: Tensor, parts: int, rows: int, channels: int, gap: int) -> Tensor:
    """Return parts x POINTS x rows x C, with a gap behind each line and plane.

    Without gaps there is a line more behind each plane.
    """
    line = channels + gap
    plane = rows * line + (gap or line)
    strides = (POINTS * plane, plane, line, 1)
    return like.new_empty(parts * POINTS * plane).as_strided((parts, POINTS, rows, channels), strides)


def grad_of_kernels(spectra: Tensor, taps: int) -> Tensor:
    """Return K x C x taps x taps from parts of their spectrum's gradient, parts x POINTS x K x C."""
    _, _, num, channels = spectra.shape
    grad = empty_maps((num, channels, taps, taps), like=spectra)
    record = _record(spectra[0], channels, taps, parts=len(spectra))
    run_kernel("spectrum_to_kernels", record, num, grad, spectra)
    return grad


def join(grads: list[Tensor]) -> Tensor:
    """Return the gradients of all groups' kernels as one."""
    return grads[0] if len(grads) == 1 else torch.cat(grads)


def _record(spectrum: Tensor, channels: int, taps: int, *, parts: int = 1) -> _Kernels:
    plane, row, _ = spectrum.stride()
    return _Kernels(channels, taps, row, plane, parts)
