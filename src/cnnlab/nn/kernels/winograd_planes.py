"""`winograd_planes.c` for torch: Winograd's filtering of whole chunks of images, with products by torch.

The way for many channels, whose kernels do not stay in the cache of a thread: each kernel is read once for a
chunk of images.
"""

import ctypes
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import Function

from cnnlab.nn.kernels.guard import once_differentiable
from cnnlab.nn.kernels.parallel import empty_maps, run_kernel
from cnnlab.nn.kernels.winograd_kernels import POINTS, grad_of_kernels, num_tiles, spectrum_of_kernels

SUM_OF_TILE = 7  # the plane of a gradient's spectrum that holds the sum of each tile
CHUNK_BYTES = 3 * 2**20  # of the spectra in use at once: they should stay in the cache
KERNEL_SHARE = 3  # but they are at least so many times the kernels' own, which are read for each chunk


class _Tiling(ctypes.Structure):
    """`Tiling` of winograd_planes.c."""

    _fields_ = [(name, ctypes.c_int64) for name in ("height", "width", "channels", "rows")]


def conv_in_planes(maps: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Do what `winograd_conv` describes."""
    return _PlanesConv.apply(maps, weight, bias)


class _PlanesConv(Function):
    @staticmethod
    def forward(ctx: Any, maps: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        n, _, height, width = maps.shape
        shape = (n, len(weight), height, width)
        out = empty_maps(shape, like=maps)
        kernels = spectrum_of_kernels(weight)
        size = _chunk_size(maps, out)
        memory, memory_out = _Memory(maps, size), _Memory(out, size)
        for part in _chunks(n, size):
            spectrum, products = memory.of(maps[part]), memory_out.of(out[part])
            _run("maps_to_spectrum", maps[part], spectrum)
            torch.bmm(spectrum, kernels.transpose(1, 2), out=products)
            _run("spectrum_to_maps", out[part], products, bias)
        ctx.save_for_backward(maps, kernels)
        ctx.has_bias = bias is not None
        return out

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *grads: Tensor
    ) -> tuple[Tensor | None, ...]:
        maps, kernels = ctx.saved_tensors
        grad_out = grads[0].contiguous(memory_format=torch.channels_last)
        out_channels = kernels.shape[1]
        grad_maps = torch.empty_like(maps) if ctx.needs_input_grad[0] else None
        grad_kernels = maps.new_empty(kernels.shape)
        grad_bias = maps.new_zeros(out_channels)
        size = _chunk_size(maps, grad_out)
        memory, memory_out = _Memory(maps, size), _Memory(grad_out, size)
        for part in _chunks(len(maps), size):
            spectrum, spectrum_out = memory.of(maps[part]), memory_out.of(grad_out[part])
            _run("maps_to_spectrum", maps[part], spectrum)
            _run("grad_to_spectrum", grad_out[part], spectrum_out)
            beta = 0 if part.start == 0 else 1  # what is there before the first is not looked at
            grad_kernels.baddbmm_(spectrum_out.transpose(1, 2), spectrum, beta=beta)
            grad_bias += spectrum_out[SUM_OF_TILE].sum(0)
            if grad_maps is not None:
                torch.bmm(spectrum_out, kernels, out=spectrum)
                _run("spectrum_to_grad", grad_maps[part], spectrum)
        return grad_maps, grad_of_kernels(grad_kernels[None]), grad_bias if ctx.has_bias else None


class _Memory:
    """Memory for the spectra of one chunk of images after the other, so that they stay in the cache."""

    def __init__(self, maps: Tensor, chunk_size: int) -> None:
        self._numbers = maps.new_empty(POINTS * _num_rows(maps[:chunk_size]) * maps.shape[1])

    def of(self, maps: Tensor) -> Tensor:
        """Return room for the spectrum of some images, POINTS x rows x C; the last row is 0."""
        rows, channels = _num_rows(maps), maps.shape[1]
        spectrum = self._numbers[: POINTS * rows * channels].view(POINTS, rows, channels)
        spectrum[:, -1] = 0
        return spectrum


def _chunk_size(maps: Tensor, out: Tensor) -> int:
    """Return how many images are taken at once."""
    channels, out_channels = maps.shape[1], out.shape[1]
    tile_bytes = POINTS * maps.element_size() * (channels + out_channels)
    enough_tiles = KERNEL_SHARE * channels * out_channels // (channels + out_channels)
    images = max(CHUNK_BYTES // tile_bytes, enough_tiles) // num_tiles(*maps.shape[2:])
    num_chunks = -(-len(maps) // max(images, 1))
    return -(-len(maps) // num_chunks)


def _chunks(num_images: int, size: int) -> Iterator[slice]:
    for start in range(0, num_images, size):
        yield slice(start, start + size)


def _num_rows(maps: Tensor) -> int:
    """Return the rows of the spectrum of some images: one for each tile, and one more.

    That keeps planes from lying a power of two apart, where they would take each other's place in the cache.
    """
    return len(maps) * num_tiles(*maps.shape[2:]) + 1


def _run(name: str, maps: Tensor, spectrum: Tensor, bias: Tensor | None = None) -> None:
    _, channels, height, width = maps.shape
    tiling = _Tiling(height, width, channels, spectrum.shape[1])
    run_kernel(name, tiling, len(maps), maps, spectrum, bias)
