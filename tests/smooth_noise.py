"""Pictures that are as hard to store as photographs: noise of all sizes, the finer the fainter."""

import torch
from torch import Tensor
from torch.nn.functional import interpolate


def photo(seed: int, side: int = 224) -> Tensor:
    """Return 3 x side x side, uint8."""
    generator = torch.Generator().manual_seed(seed)
    total = torch.zeros(3, side, side)
    for octave in range(2, 8):
        noise = torch.randn(1, 3, 2**octave, 2**octave, generator=generator)
        total += interpolate(noise, size=(side, side), mode="bicubic")[0] / 2 ** (0.9 * octave)
    total = (total - total.amin()) / (total.amax() - total.amin())
    return (255 * total).byte()
