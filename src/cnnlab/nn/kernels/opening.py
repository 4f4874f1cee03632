"""`opening.c` for torch: a first convolution and the stage behind it in one pass, with the gradient."""

import ctypes
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import Function

from cnnlab.nn.kernels.guard import incoming, keep, kept, once_differentiable
from cnnlab.nn.kernels.lanes import in_runs
from cnnlab.nn.kernels.parallel import SUFFIXES, empty_maps, run_kernel
from cnnlab.nn.kernels.stage import Stage, StageRecord, record_of_stage

TYPES = (torch.float32, torch.bfloat16)  # of maps


class _Opening(ctypes.Structure):
    """`Opening` of opening.c."""

    _fields_ = [
        ("stage", StageRecord),
        *((name, ctypes.c_int64) for name in ("height", "width", "channels", "kernel", "pad")),
    ]  # fmt: skip


def run_opening(
    images: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    *,
    pad: int,
    stage: Stage,
    noise: np.ndarray | None,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Return dropout(lrn(max_pool(relu(convolution of images)))), without a gradient of the images.

    Args:
        images: N x C x H x W, float32 on the CPU, channels-last.
        weight: K x C x k x k, float32; K is a multiple of 8, and at most `MAX_CHANNELS`.
        bias: K numbers, or None.
        pad: zeros on each side; less than k.
        stage: as for `run_stage`.
        noise: as for `run_stage`.
        dtype: of the result, one of `TYPES`; products and sums are in float32 with each.

    Returns:
        N x K x h/2 x w/2, halves rounded up, channels-last.
    """
    assert images.shape[1] == weight.shape[1], (images.shape, weight.shape)
    bias = None if bias is None else bias.contiguous()
    return _RunOpening.apply(images, weight, bias, pad, stage, noise, dtype)


class _RunOpening(Function):
    @staticmethod
    def forward(
        ctx: Any,
        images: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        pad: int,
        stage: Stage,
        noise: np.ndarray | None,
        dtype: torch.dtype,
    ) -> Tensor:
        n, channels, height, width = images.shape
        num, _, kernel, _ = weight.shape
        sides = height + 2 * pad - kernel + 1, width + 2 * pad - kernel + 1
        shape = (n, num, *(-(-side // 2) for side in sides))
        of_stage = record_of_stage((n, num, *sides), stage, noise)
        record = _Opening(of_stage, height, width, channels, kernel, pad)
        out = empty_maps(shape, like=images, dtype=dtype)
        top = torch.empty_like(out) if stage.lrn else None
        place = torch.empty_like(out, dtype=torch.uint8)
        arrays = (images, in_runs(weight), bias, out, top, place, noise)
        run_kernel(f"forward_opening_{SUFFIXES[dtype]}", record, n, *arrays)
        keep(ctx, images, top, place)
        ctx.record, ctx.weights, ctx.has_bias = record, weight.shape, bias is not None
        return out

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *grads: Tensor
    ) -> tuple[Tensor | None, ...]:
        images, top, place = kept(ctx)
        grad_out = incoming(grads[0])
        num, channels, kernel, _ = ctx.weights
        sums = images.new_empty(len(images), kernel * kernel * channels + 1, num)
        name = f"backward_opening_{SUFFIXES[grad_out.dtype]}"
        run_kernel(name, ctx.record, len(images), images, grad_out, top, place, sums)
        total = sums.sum(0)
        grad_weight = total[:-1].view(kernel, kernel, channels, num).permute(3, 2, 0, 1)
        return None, grad_weight, total[-1] if ctx.has_bias else None, None, None, None, None
