"""The floor: how many multiply-adds this machine does where nothing else has to be done."""

import time
from typing import Literal

import torch

SIZE = 1536
NUM_TIMED = 3


def matrix_rate(precision: Literal["float32", "bf16"], device: str = "cpu") -> float:
    """Return the FLOP/s of a product of two matrices of 1536², the best of three; a MAC is two FLOPs."""
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    generator = torch.Generator().manual_seed(0)
    one, other = (torch.randn(SIZE, SIZE, generator=generator).to(device, dtype) for _ in range(2))
    seconds = []
    for _ in range(1 + NUM_TIMED):
        start = time.perf_counter()
        product = one @ other
        product[0, 0].item()  # a GPU computes while Python goes on
        seconds.append(time.perf_counter() - start)
    return 2 * SIZE**3 / min(seconds[1:])
