"""C functions of the library, called for the items of a batch by several threads, see `team.c`."""

import ctypes
from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
import torch
from torch import Tensor

from cnnlab.nn.kernels.library import load_kernels

SUFFIXES = {torch.float32: "float32", torch.float64: "float64", torch.bfloat16: "bf16"}
"""What the names of functions end in that are compiled for several types of maps."""


def run_kernel(name: str, record: ctypes.Structure, num: int, *arrays: Tensor | np.ndarray | None) -> None:
    """Call a function of the library, as many items per thread as there are threads for.

    Args:
        name: the function's.
        record: its first argument, passed by reference; the first and the last item come next.
        num: how many items there are, such as images.
        arrays: what it reads and writes, in its order; None is NULL.
    """
    pointers = (ctypes.c_void_p * len(arrays))(*map(_address, arrays))
    function, run_team = _functions(name)
    threads = min(torch.get_num_threads(), num)
    run_team(function, ctypes.byref(record), num, pointers, threads, has_torch_threads())


def empty_maps(shape: Sequence[int], *, like: Tensor, dtype: torch.dtype | None = None) -> Tensor:
    """Return maps to be written, N x C x H x W, channels-last; whatever torch's defaults are."""
    return torch.empty(
        shape, dtype=dtype or like.dtype, device=like.device, memory_format=torch.channels_last
    )


def _address(array: Tensor | np.ndarray | None) -> int | None:
    if array is None:
        return None
    if not isinstance(array, Tensor):
        return array.ctypes.data
    address = array.data_ptr()
    assert array.is_cpu and (address or not array.numel()), array.device
    return address


@cache
def _functions(name: str) -> tuple[ctypes.c_void_p, Callable[..., None]]:
    library = load_kernels().library
    assert library is not None
    run_team = library.run_team
    pointer, number = ctypes.c_void_p, ctypes.c_int64
    run_team.argtypes = [pointer, pointer, number, pointer, number, ctypes.c_int]
    run_team.restype = None
    return ctypes.cast(library[name], pointer), run_team


@cache
def has_torch_threads() -> bool:
    """Tell whether the kernels run on torch's own threads; otherwise on some of their own."""
    library = load_kernels().library
    return library is not None and bool(library.has_torch_threads())
