"""Max pooling by a kernel of our own, while a network learns on the CPU, and in quick evaluation."""

from torch import Tensor, nn

from cnnlab.nn.geometry import pool_output_size
from cnnlab.nn.kernels import Windows, can_take, max_pool
from cnnlab.nn.kernels.norm import LANES
from cnnlab.nn.kernels.pool import MAX_SIDE, TYPES
from cnnlab.nn.norm_act import is_watched
from cnnlab.nn.quick import may_round


def run_pool(pool: nn.Module, maps: Tensor) -> Tensor:
    """Return what a layer makes of maps: max pooling by the kernel where that can be."""
    out = pool_as_one(pool, maps)
    return pool(maps) if out is None else out


def pool_as_one(pool: nn.Module, maps: Tensor) -> Tensor | None:
    """Return max pooling, N x C x h x w, where the kernel can do it, else None; the same to the bit."""
    if type(pool) is not nn.MaxPool2d or not may_round(pool) or is_watched(pool):
        return None
    side, stride, pad = pool.kernel_size, pool.stride, pool.padding
    if not (isinstance(side, int) and isinstance(stride, int) and isinstance(pad, int)):
        return None
    if pool.dilation != 1 or pool.return_indices or not 0 <= 2 * pad <= side <= MAX_SIDE or stride < 1:
        return None
    if not can_take(maps, types=TYPES) or maps.shape[1] % LANES:
        return None
    sides = [
        pool_output_size(size, kernel=side, stride=stride, padding=pad, ceil_mode=pool.ceil_mode)
        for size in maps.shape[2:]
    ]
    return max_pool(maps, Windows(side, stride, pad), *sides) if min(sides) > 0 else None
