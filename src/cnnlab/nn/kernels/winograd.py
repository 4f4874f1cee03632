"""`winograd.c` for torch: convolutions of 3x3 by Winograd's minimal filtering, with the gradient.

The multiplications of a tile of 4x4 outputs fall from 144 to 36 for each pair of channels; what is left is 36
matrix products over channels, which torch does. Maps whose sides are no multiples of 4 waste a part of their
last tiles: at 14x14 and 7x7 pixels multiplications are 3.1 times fewer instead of 4.

Source: Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", arXiv:1509.09308, section 4.
"""

import ctypes
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import Function, once_differentiable

from cnnlab.nn.kernels.parallel import run_kernel

LANES = 8  # of winograd.c: channels come in multiples of it
STEP = 4  # a tile's side
POINTS = 36  # numbers of a tile in the spectrum
SUM_OF_TILE = 7  # the plane of a gradient's spectrum that holds the sum of each tile
MAX_CHANNELS = 2048  # C_MAX of winograd.c
CHUNK_BYTES = 3 * 2**20  # of the spectra in use at once: they should stay in the cache
KERNEL_SHARE = 3  # but they are at least so many times the kernels' own, which are read for each chunk


class _Tiling(ctypes.Structure):
    """`Tiling` of winograd.c."""

    _fields_ = [(name, ctypes.c_int64) for name in ("height", "width", "channels", "rows")]


def winograd_conv(maps: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Return the convolution of maps by kernels of 3x3 with stride 1 and padding 1.

    Args:
        maps: N x C x H x W, float32 on the CPU, channels-last; C is a multiple of `LANES`.
        weight: K x C x 3 x 3, float32; K is a multiple of `LANES`.
        bias: K numbers, or None.

    Returns:
        N x K x H x W, channels-last. Its rounding errors are some 5e-6 of its largest value, five to ten
        times those of the direct sum in float32.
    """
    return _WinogradConv.apply(maps, weight, bias)


def num_tiles(height: int, width: int) -> int:
    """Return how many tiles a map is cut into; its last ones may stand out."""
    return -(-height // STEP) * -(-width // STEP)


class _WinogradConv(Function):
    @staticmethod
    def forward(ctx: Any, maps: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        n, _, height, width = maps.shape
        shape = (n, len(weight), height, width)
        out = torch.empty(shape, dtype=maps.dtype, memory_format=torch.channels_last)
        kernels = _spectrum_of_kernels(weight)
        size = _chunk_size(maps, out)
        memory, memory_out = _Memory(maps, size), _Memory(out, size)
        for part in _chunks(n, size):
            spectrum, products = memory.of(maps[part]), memory_out.of(out[part])
            _run("spectrum_of_maps", maps[part], spectrum)
            torch.bmm(spectrum, kernels.transpose(1, 2), out=products)
            _run("maps_of_spectrum", out[part], products, bias)
        ctx.save_for_backward(maps, kernels)
        ctx.has_bias = bias is not None
        return out

    @staticmethod
    @once_differentiable  # hides the name of ctx from the type checker
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *grads: Tensor
    ) -> tuple[Tensor | None, ...]:
        maps, kernels = ctx.saved_tensors
        grad_out = grads[0].contiguous(memory_format=torch.channels_last)
        out_channels = kernels.shape[1]
        grad_maps = torch.empty_like(maps) if ctx.needs_input_grad[0] else None
        grad_kernels = torch.empty(kernels.shape)
        grad_bias = torch.zeros(out_channels)
        size = _chunk_size(maps, grad_out)
        memory, memory_out = _Memory(maps, size), _Memory(grad_out, size)
        for part in _chunks(len(maps), size):
            spectrum, spectrum_out = memory.of(maps[part]), memory_out.of(grad_out[part])
            _run("spectrum_of_maps", maps[part], spectrum)
            _run("spectrum_of_grad", grad_out[part], spectrum_out)
            beta = 0 if part.start == 0 else 1  # what is there before the first is not looked at
            grad_kernels.baddbmm_(spectrum_out.transpose(1, 2), spectrum, beta=beta)
            grad_bias += spectrum_out[SUM_OF_TILE].sum(0)
            if grad_maps is not None:
                torch.bmm(spectrum_out, kernels, out=spectrum)
                _run("grad_of_spectrum", grad_maps[part], spectrum)
        return grad_maps, _grad_of_kernels(grad_kernels), grad_bias if ctx.has_bias else None


class _Memory:
    """Memory for the spectra of one chunk of images after the other, so that they stay in the cache."""

    def __init__(self, maps: Tensor, chunk_size: int) -> None:
        self._numbers = torch.empty(POINTS * _num_rows(maps[:chunk_size]) * maps.shape[1])

    def of(self, maps: Tensor) -> Tensor:
        """Return room for the spectrum of some images, POINTS x rows x C; the last row is 0."""
        rows, channels = _num_rows(maps), maps.shape[1]
        spectrum = self._numbers[: POINTS * rows * channels].view(POINTS, rows, channels)
        spectrum[:, -1] = 0
        return spectrum


def _spectrum_of_kernels(weight: Tensor) -> Tensor:
    """Return POINTS x K x C."""
    num, channels = weight.shape[:2]
    weight = weight.contiguous(memory_format=torch.channels_last)
    spectrum = torch.empty(POINTS, num + 1, channels)  # one row more, as in the spectra of maps
    run_kernel("spectrum_of_kernels", _Tiling(0, 0, channels, num + 1), num, weight, spectrum)
    return spectrum[:, :num]


def _grad_of_kernels(spectrum: Tensor) -> Tensor:
    """Return K x C x 3 x 3 from the gradient of their spectrum."""
    _, num, channels = spectrum.shape
    grad = torch.empty(num, channels, 3, 3, memory_format=torch.channels_last)
    run_kernel("grad_of_kernels", _Tiling(0, 0, channels, num), num, grad, spectrum)
    return grad


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
    """Return the rows of the spectrum of some images: one for each tile, and one more, see winograd.c."""
    return len(maps) * num_tiles(*maps.shape[2:]) + 1


def _run(name: str, maps: Tensor, spectrum: Tensor, bias: Tensor | None = None) -> None:
    _, channels, height, width = maps.shape
    tiling = _Tiling(height, width, channels, spectrum.shape[1])
    run_kernel(name, tiling, len(maps), maps, spectrum, bias)
