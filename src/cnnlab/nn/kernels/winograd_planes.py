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

from cnnlab.nn.kernels.guard import incoming, keep, kept, once_differentiable
from cnnlab.nn.kernels.parallel import empty_maps, run_kernel
from cnnlab.nn.kernels.winograd_kernels import (
    POINTS,
    grad_of_kernels,
    join,
    num_tiles,
    spectrum_of_kernels,
)

SUM_OF_TILE = 7  # the plane of a gradient's spectrum that holds the sum of each tile
CHUNK_BYTES = 3 * 2**20  # of the spectra in use at once: they should stay in the cache
KERNEL_SHARE = 3  # but they are at least so many times the kernels' own, which are read for each chunk


class _Tiling(ctypes.Structure):
    """`Tiling` of winograd_planes.c."""

    _fields_ = [(name, ctypes.c_int64) for name in ("height", "width", "channels", "pitch", "taps", "rows")]


def conv_in_planes(maps: Tensor, weight: Tensor, bias: Tensor | None, groups: int) -> Tensor:
    """Do what `winograd_conv` describes."""
    return _PlanesConv.apply(maps, weight, bias, groups)


class _PlanesConv(Function):
    @staticmethod
    def forward(ctx: Any, maps: Tensor, weight: Tensor, bias: Tensor | None, groups: int) -> Tensor:
        n, _, height, width = maps.shape
        out = empty_maps((n, len(weight), height, width), like=maps)
        biases = [None] * groups if bias is None else bias.chunk(groups)
        kernels = [spectrum_of_kernels(part) for part in weight.chunk(groups)]
        taps, whole = weight.shape[3], (maps.shape[1], out.shape[1])
        for ins, outs, kernel, shift in zip(
            maps.chunk(groups, 1), out.chunk(groups, 1), kernels, biases, strict=True
        ):
            chunks = _Chunks(ins, outs, taps, whole)
            for part in chunks:
                spectrum, products = chunks.memory_in(part), chunks.memory_out(part)
                chunks.run_in("maps_to_spectrum", ins[part], spectrum)
                torch.bmm(spectrum, kernel.transpose(1, 2), out=products)
                chunks.run_out("spectrum_to_maps", outs[part], products, shift)
        keep(ctx, maps, *kernels)
        ctx.has_bias, ctx.taps = bias is not None, taps
        return out

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *grads: Tensor
    ) -> tuple[Tensor | None, ...]:
        maps, *kernels = kept(ctx)
        grad_out = incoming(grads[0])
        groups = len(kernels)
        grad_maps = torch.empty_like(maps) if ctx.needs_input_grad[0] else None
        grads_in = [None] * groups if grad_maps is None else grad_maps.chunk(groups, 1)
        grad_bias = maps.new_zeros(grad_out.shape[1])
        grad_weights = []
        for ins, outs, kernel, grad_in, sums in zip(
            maps.chunk(groups, 1),
            grad_out.chunk(groups, 1),
            kernels,
            grads_in,
            grad_bias.chunk(groups),
            strict=True,
        ):
            chunks = _Chunks(ins, outs, ctx.taps, (maps.shape[1], grad_out.shape[1]))
            grad_kernel = maps.new_empty(kernel.shape)
            for part in chunks:
                spectrum, spectrum_out = chunks.memory_in(part), chunks.memory_out(part)
                chunks.run_in("maps_to_spectrum", ins[part], spectrum)
                chunks.run_out("grad_to_spectrum", outs[part], spectrum_out)
                beta = 0 if part.start == 0 else 1  # what is there before the first is not looked at
                grad_kernel.baddbmm_(spectrum_out.transpose(1, 2), spectrum, beta=beta)
                sums += spectrum_out[SUM_OF_TILE].sum(0)
                if grad_in is not None:
                    torch.bmm(spectrum_out, kernel, out=spectrum)
                    chunks.run_in("spectrum_to_grad", grad_in[part], spectrum)
            grad_weights.append(grad_of_kernels(grad_kernel[None], ctx.taps))
        return grad_maps, join(grad_weights), grad_bias if ctx.has_bias else None, None


class _Chunks:
    """Images some at a time, and memory for their spectra, so that those stay in the cache.

    Args:
        maps: of one group, N x C x H x W.
        out: what they are convolved to.
        taps: the kernels' side.
        whole: channels of the maps that `maps` and `out` are a part of.
    """

    def __init__(self, maps: Tensor, out: Tensor, taps: int, whole: tuple[int, int]) -> None:
        self._num, self._taps, self._whole = len(maps), taps, whole
        self._tiles = num_tiles(maps.shape[2], maps.shape[3], taps)
        self._channels = maps.shape[1], out.shape[1]
        self._size = _chunk_size(maps, out, taps)
        rows = self._num_rows(min(self._size, self._num))
        self._numbers = [maps.new_empty(POINTS * rows * channels) for channels in self._channels]

    def __iter__(self) -> Iterator[slice]:
        for start in range(0, self._num, self._size):
            yield slice(start, min(start + self._size, self._num))

    def memory_in(self, part: slice) -> Tensor:
        """Return room for the spectrum of these images' maps, POINTS x rows x C; the last row is 0."""
        return self._memory(0, part)

    def memory_out(self, part: slice) -> Tensor:
        """Return the same for what they are convolved to."""
        return self._memory(1, part)

    def run_in(self, name: str, maps: Tensor, spectrum: Tensor) -> None:
        """Call a transform of some images' maps, or of their gradient."""
        self._run(name, maps, spectrum, None, self._whole[0])

    def run_out(self, name: str, maps: Tensor, spectrum: Tensor, bias: Tensor | None = None) -> None:
        """Call a transform of what they are convolved to, or of its gradient."""
        self._run(name, maps, spectrum, bias, self._whole[1])

    def _memory(self, side: int, part: slice) -> Tensor:
        rows, channels = self._num_rows(part.stop - part.start), self._channels[side]
        spectrum = self._numbers[side][: POINTS * rows * channels].view(POINTS, rows, channels)
        spectrum[:, -1] = 0
        return spectrum

    def _num_rows(self, num: int) -> int:
        """Return the rows of the spectrum of `num` images: one for each tile, and one more.

        That keeps planes from lying a power of two apart, where they would take each other's place in the
        cache.
        """
        return num * self._tiles + 1

    def _run(self, name: str, maps: Tensor, spectrum: Tensor, bias: Tensor | None, pitch: int) -> None:
        _, channels, height, width = maps.shape
        tiling = _Tiling(height, width, channels, pitch, self._taps, spectrum.shape[1])
        run_kernel(name, tiling, len(maps), maps, spectrum, bias)


def _chunk_size(maps: Tensor, out: Tensor, taps: int) -> int:
    """Return how many images are taken at once."""
    channels, out_channels = maps.shape[1], out.shape[1]
    tile_bytes = POINTS * maps.element_size() * (channels + out_channels)
    enough_tiles = KERNEL_SHARE * channels * out_channels // (channels + out_channels)
    images = max(CHUNK_BYTES // tile_bytes, enough_tiles) // num_tiles(maps.shape[2], maps.shape[3], taps)
    num_chunks = -(-len(maps) // max(images, 1))
    return -(-len(maps) // num_chunks)
