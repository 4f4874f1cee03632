"""C functions of the library, called for the images of a batch by several threads."""

import ctypes
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
import torch
from torch import Tensor

from cnnlab.nn.kernels.library import load_kernels


def run_kernel(
    name: str, record: ctypes.Structure, num_images: int, *arrays: Tensor | np.ndarray | None
) -> None:
    """Call a function of the library, as many images per thread as there are threads for.

    Args:
        name: the function's.
        record: its first argument, passed by reference; the first and the last image come next.
        num_images: how many there are.
        arrays: what follows; None is NULL.
    """
    function = _function(name, len(arrays))
    pointers = [None if array is None else _address(array) for array in arrays]
    threads = min(torch.get_num_threads(), num_images)
    bounds = [num_images * part // threads for part in range(threads + 1)]

    def part(index: int) -> None:
        function(ctypes.byref(record), bounds[index], bounds[index + 1], *pointers)

    if threads == 1:
        part(0)
    else:
        others = [_pool().submit(part, index) for index in range(1, threads)]
        part(0)
        for other in others:
            other.result()


def _address(array: Tensor | np.ndarray) -> int:
    return array.data_ptr() if isinstance(array, Tensor) else array.ctypes.data


@cache
def _function(name: str, num_arrays: int) -> Callable[..., None]:
    library = load_kernels().library
    assert library is not None
    function = library[name]
    function.argtypes = [ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, *[ctypes.c_void_p] * num_arrays]
    function.restype = None
    return function


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(thread_name_prefix="cnnlab-kernel")
