"""How long an exported network takes: one image, a batch, and many."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import numpy as np
from numpy.typing import NDArray

BATCHES = (1, 32, 128)
"""Images at once: of a single question, of a busy server, and of a pass over a data set."""

SECONDS, FEWEST = 0.3, 5
"""A batch is repeated for so long, and so often at least."""

Images = NDArray[np.float32]


@dataclass(frozen=True)
class Timing:
    """Medians.

    Attributes:
        latency_1: seconds for one image.
        latency_32: seconds for 32 images at once.
        throughput: images a second, 128 at once.
    """

    latency_1: float
    latency_32: float
    throughput: float

    @classmethod
    def of(cls, seconds: dict[int, float]) -> "Timing":
        """Return what the seconds for each of `BATCHES` mean."""
        return cls(seconds[1], seconds[32], 128 / seconds[128])


def time_batches(forward: Callable[[Images], object], shape: tuple[int, int, int]) -> Timing:
    """Time a forward pass over noise.

    Args:
        forward: takes N x C x H x W, float32.
        shape: C x H x W.
    """
    noise = np.random.default_rng(0).standard_normal((max(BATCHES), *shape)).astype(np.float32)
    return Timing.of({size: _seconds(forward, noise[:size]) for size in BATCHES})


def _seconds(forward: Callable[[Images], object], images: Images) -> float:
    forward(images)  # which may allocate and compile
    taken: list[float] = []
    end = time.perf_counter() + SECONDS
    while len(taken) < FEWEST or time.perf_counter() < end:
        start = time.perf_counter()
        forward(images)
        taken.append(time.perf_counter() - start)
    return median(taken)
