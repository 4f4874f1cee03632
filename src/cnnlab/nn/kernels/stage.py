"""`stage.c` for torch: ReLU, 2x2 pooling or none, LRN and dropout of maps in one pass, with the gradient."""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import Function

from cnnlab.nn.kernels.guard import incoming, keep, kept, once_differentiable
from cnnlab.nn.kernels.parallel import SUFFIXES, empty_maps, run_kernel

MAX_CHANNELS, MAX_REACH = 1024, 64  # C_MAX and MARGIN of stage.h
TYPES = tuple(SUFFIXES)  # of maps


@dataclass(frozen=True)
class Stage:
    """What is done with the maps, besides ReLU.

    Attributes:
        lrn: size, alpha and k of the normalisation, as in `LocalResponseNorm` with a power of 3/4; None for
            none.
        drop: probability to drop a value.
        pools: whether windows of 2x2 pixels are pooled, before all else.
    """

    lrn: tuple[int, float, float] | None = None
    drop: float = 0.0
    pools: bool = True

    @property
    def side(self) -> int:
        """The side of the windows that become one pixel."""
        return 2 if self.pools else 1

    def shape_after(self, shape: Sequence[int]) -> tuple[int, int, int, int]:
        """Return the shape of what becomes of maps of this one, N x C x H x W; halves are rounded up."""
        n, channels, height, width = shape
        return n, channels, -(-height // self.side), -(-width // self.side)


class StageRecord(ctypes.Structure):
    """`Stage` of stage.h."""

    _fields_ = [
        *((name, ctypes.c_int64) for name in ("height", "width", "channels", "side", "below", "above")),
        *((name, ctypes.c_double) for name in ("alpha", "k")),
        ("threshold", ctypes.c_int64),
        ("scale", ctypes.c_double),
    ]  # fmt: skip


def run_stage(maps: Tensor, stage: Stage, noise: np.ndarray | None) -> Tensor:
    """Return dropout(lrn(max_pool(relu(maps)))), where the stage has these.

    Args:
        maps: N x C x H x W on the CPU, of one of `TYPES`, channels-last; at most `MAX_CHANNELS` channels.
        stage: what is done; the window of its normalisation reaches at most `MAX_REACH` channels.
        noise: one uint16 for each value of the result as it lies in memory; None to drop nothing.

    Returns:
        N x C x H/2 x W/2, halves rounded up, or N x C x H x W; channels-last, of the type of `maps`.
    """
    return _RunStage.apply(maps, stage, noise)


class _RunStage(Function):
    @staticmethod
    def forward(ctx: Any, maps: Tensor, stage: Stage, noise: np.ndarray | None) -> Tensor:
        out = empty_maps(stage.shape_after(maps.shape), like=maps)
        record = record_of_stage(maps.shape, stage, noise)
        is_learning = ctx.needs_input_grad[0]
        top = torch.empty_like(out) if is_learning and stage.lrn else None
        place = torch.empty_like(out, dtype=torch.uint8) if is_learning else None
        run_kernel(f"forward_{SUFFIXES[maps.dtype]}", record, len(maps), maps, out, top, place, noise)
        if is_learning:
            keep(ctx, top, place)
            ctx.record, ctx.shape = record, maps.shape
        return out

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *grads: Tensor
    ) -> tuple[Tensor | None, ...]:
        top, place = kept(ctx)
        grad_out = incoming(grads[0])
        grad = empty_maps(ctx.shape, like=grad_out)
        name = f"backward_{SUFFIXES[grad.dtype]}"
        run_kernel(name, ctx.record, len(grad), grad_out, grad, top, place)
        return grad, None, None


def record_of_stage(shape: Sequence[int], stage: Stage, noise: np.ndarray | None) -> StageRecord:
    """Return what C is told of a stage behind maps of that shape, N x C x H x W."""
    _, channels, height, width = shape
    size, alpha, k = stage.lrn or (0, 0.0, 1.0)
    below, above = (size // 2, (size - 1) // 2) if stage.lrn else (-1, -1)
    threshold, scale = drop_threshold(stage.drop) if noise is not None else (0, 1.0)
    return StageRecord(height, width, channels, stage.side, below, above, alpha, k, threshold, scale)


def drop_threshold(probability: float) -> tuple[int, float]:
    """Return below which noise of 16 bits a value is dropped, and the factor of what is kept."""
    threshold = round(probability * 2**16)
    return threshold, 2**16 / (2**16 - threshold) if threshold < 2**16 else 0.0
