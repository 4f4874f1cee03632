"""`winograd_blocks.c` for torch: Winograd's filtering of some tiles after the other, from maps to maps.

The way for few channels: what belongs to some tiles stays in the cache of the thread that works on them.
"""

import ctypes
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import Function

from cnnlab.nn.kernels.guard import incoming, keep, kept, once_differentiable
from cnnlab.nn.kernels.parallel import empty_maps, run_kernel
from cnnlab.nn.kernels.winograd_kernels import grad_of_kernels, join, room_for_spectra, spectrum_of_kernels

BLOCK = 48  # tiles at once: a multiple of the lines that a product keeps in registers
NOT_SEEN = (None,) * 4  # maps are taken as they are, not by way of a batch norm before
NO_MOMENTS = None  # are asked for
NO_NORM = (None,) * 6  # behind the convolution
GAP = 16  # numbers behind each line and plane of kernels
FIELDS = (
    "images",
    "height",
    "width",
    "channels",
    "out_channels",
    "pitch",
    "out_pitch",
    "taps",
    "block",
    "gap",
    "parts",
)


class Conv(ctypes.Structure):
    """`Conv` of winograd_blocks.c."""

    _fields_ = [(name, ctypes.c_int64) for name in FIELDS]


class Way(NamedTuple):
    """A pair of functions in C that convolve some tiles after the other.

    Attributes:
        name: what their names begin with.
        record_of: what they are told of a convolution of these maps, by these kernels, in so many groups.
        is_by_part: whether the forward one counts parts, not images.
        forward_rest: what the forward one takes besides: nothing follows, and maps are taken as they are.
        backward_rest: the same of the backward one.
    """

    name: str
    record_of: Callable[[Tensor, Tensor, int], Any]
    is_by_part: bool
    forward_rest: tuple[None, ...]
    backward_rest: tuple[None, ...]


def conv_in_blocks(maps: Tensor, weight: Tensor, bias: Tensor | None, groups: int) -> Tensor:
    """Do what `winograd_conv` describes."""
    return tiled_conv(maps, weight, bias, groups, IN_BLOCKS)


def tiled_conv(maps: Tensor, weight: Tensor, bias: Tensor | None, groups: int, way: Way) -> Tensor:
    """Do what `winograd_conv` describes in one of the ways, group by group."""
    return _TiledConv.apply(maps, weight, bias, groups, way)


class _TiledConv(Function):
    @staticmethod
    def forward(ctx: Any, maps: Tensor, weight: Tensor, bias: Tensor | None, groups: int, way: Way) -> Tensor:
        n, _, height, width = maps.shape
        out = empty_maps((n, len(weight), height, width), like=maps)
        record = way.record_of(maps, weight, groups)
        biases = [None] * groups if bias is None else bias.chunk(groups)
        items = record.parts if way.is_by_part else n
        for ins, outs, kernel, shift in zip(
            maps.chunk(groups, 1), out.chunk(groups, 1), weight.chunk(groups), biases, strict=True
        ):
            spectrum = spectrum_of_kernels(kernel, gap=GAP, is_turned=True)
            run_kernel(f"{way.name}_forward", record, items, ins, spectrum, shift, outs, *way.forward_rest)
        keep(ctx, maps, weight)
        ctx.record, ctx.has_bias, ctx.groups, ctx.way = record, bias is not None, groups, way
        return out

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *grads: Tensor
    ) -> tuple[Tensor | None, ...]:
        maps, weight = kept(ctx)
        record, groups = ctx.record, ctx.groups
        grad_out = incoming(grads[0])
        grad_maps = torch.empty_like(maps) if ctx.needs_input_grad[0] else None
        grads_in = [None] * groups if grad_maps is None else grad_maps.chunk(groups, 1)
        spectra = room_for_spectra(maps, record.parts, record.out_channels, record.channels, GAP)
        sums = maps.new_empty(groups, record.parts, record.out_channels)
        grad_weights = []
        for ins, outs, kernel, grad_in, group_sums in zip(
            maps.chunk(groups, 1),
            grad_out.chunk(groups, 1),
            weight.chunk(groups),
            grads_in,
            sums,
            strict=True,
        ):
            spectrum = spectrum_of_kernels(kernel, gap=GAP)
            arrays = (ins, outs, spectrum, grad_in, spectra, group_sums)
            run_kernel(f"{ctx.way.name}_backward", record, record.parts, *arrays, *ctx.way.backward_rest)
            grad_weights.append(grad_of_kernels(spectra, weight.shape[3]))
        grad_bias = sums.sum(1).flatten() if ctx.has_bias else None
        return grad_maps, join(grad_weights), grad_bias, None, None


def conv_record(maps: Tensor, weight: Tensor, groups: int) -> Conv:
    """Return how the kernels are to see this convolution."""
    n, channels, height, width = maps.shape
    num, _, taps, _ = weight.shape
    parts = min(torch.get_num_threads(), n)
    return Conv(n, height, width, channels // groups, num // groups, channels, num, taps, BLOCK, GAP, parts)


IN_BLOCKS = Way(
    "blocks",
    conv_record,
    is_by_part=True,
    forward_rest=(NO_MOMENTS, None, None),
    backward_rest=(*NO_NORM, *NOT_SEEN),
)
