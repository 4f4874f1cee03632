"""The floor: what this machine multiplies, and copies, where nothing else has to be done."""

import time

import torch

from cnnlab.training import Precision

SIZE = 1536
NUM_TIMED = 3
COPIED_BYTES = 2**26


def matrix_rate(precision: Precision, device: str = "cpu") -> float:
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


def copy_rate() -> float:
    """Return the bytes/s, read and written, of a copy in memory that no cache holds, the best of three."""
    source = torch.empty(COPIED_BYTES, dtype=torch.uint8).fill_(1)
    target = torch.empty_like(source)
    seconds = []
    for _ in range(1 + NUM_TIMED):
        start = time.perf_counter()
        target.copy_(source)
        seconds.append(time.perf_counter() - start)
    return 2 * COPIED_BYTES / min(seconds[1:])
