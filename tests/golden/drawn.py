"""Numbers that come out the same on every machine and in every library: integer arithmetic, nothing else.

Golden arrays hold outputs only; what went in is drawn anew, here and in the TensorFlow environment: 64 bits
for each place in an array by SplitMix64 (Steele, Lea, Flood, "Fast Splittable Pseudorandom Number
Generators", 2014), started from the first 8 bytes of the sha256 of a name. No state, and only numpy.
"""

import hashlib
import math

import numpy as np
from numpy.typing import NDArray

BELL_STD = math.sqrt((2**32 - 1) / 3)
"""Standard deviation of the sum of four independent integers, each uniform in 0..65535."""


def uniform(name: str, *shape: int) -> NDArray[np.float32]:
    """Return float32 numbers, uniform in [0, 1) in steps of 2^-24, that depend on `name` and place alone."""
    return ((_bits(name, *shape) >> np.uint64(40)) / 2**24).astype(np.float32)


def bell(name: str, *shape: int) -> NDArray[np.float32]:
    """Return float32 numbers of mean 0 and deviation 1, none beyond 3.47: near N(0, 1), without logarithms.

    Each is the sum of the four 16-bit parts of a draw, which float32 holds exactly, times a constant.
    """
    bits = _bits(name, *shape)
    total = sum(((bits >> np.uint64(16 * part)) & np.uint64(0xFFFF)).astype(np.int64) for part in range(4))
    return (total - 2 * 65535).astype(np.float32) * np.float32(1 / BELL_STD)


def _bits(name: str, *shape: int) -> NDArray[np.uint64]:
    """Return 64 bits for each place."""
    seed = np.frombuffer(hashlib.sha256(name.encode()).digest()[:8], "<u8")
    place = np.arange(1, math.prod(shape) + 1, dtype=np.uint64)
    bits = seed + place * np.uint64(0x9E3779B97F4A7C15)  # arrays of whole numbers wrap around, as is wanted
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (bits ^ (bits >> np.uint64(31))).reshape(shape)
