"""Whether kernels for a GPU can be made here: by this project in Triton, and by torch's compiler."""

import os
import shutil
from functools import cache
from importlib.util import find_spec

import torch

COMPILERS = ("cc", "gcc", "clang")
LEAST_CAPABILITY = (7, 0)
"""Triton refuses older GPUs."""


@cache
def can_use_triton() -> bool:
    """Tell whether Triton is installed and can work: it needs a GPU not too old, and a C compiler."""
    return (
        find_spec("triton") is not None
        and torch.cuda.is_available()
        and torch.cuda.get_device_capability() >= LEAST_CAPABILITY
        and any(shutil.which(name) for name in (os.environ.get("CC", ""), *COMPILERS) if name)
    )
