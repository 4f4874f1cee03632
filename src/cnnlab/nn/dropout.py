"""Dropout whose masks cost a fraction of torch's on the CPU."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from cnnlab.nn.kernels.stage import drop_threshold


class Dropout(nn.Dropout):
    """Set values to 0 with a probability, and scale the others so that the mean stays.

    On the CPU, masks come from 16 random bits for each value, drawn at once by NumPy's SFC64, which is seeded
    by torch's generator: they are a function of `torch.manual_seed`, as torch's own are. The probability is
    therefore a multiple of 1 / 65,536. Elsewhere, and in a compiled network, it is torch's dropout.

    Source: Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from Overfitting", 2014.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return values of the same shape; they are unchanged in evaluation."""
        is_ours = input.device.type == "cpu" and not torch.compiler.is_compiling()
        if not self.training or self.p == 0 or not is_ours:
            return functional.dropout(input, self.p, self.training)
        # Maps get the same masks however they lie in memory, which a kernel may change
        are_maps = input.dim() == 4
        laid_out = input.permute(0, 2, 3, 1) if are_maps else input
        threshold, scale = drop_threshold(self.p)
        is_kept = torch.from_numpy(draw_noise(input.numel()) >= threshold).view(laid_out.shape)
        kept = is_kept.to(input.dtype) * scale
        return input * (kept.permute(0, 3, 1, 2) if are_maps else kept)


def draw_noise(num: int) -> np.ndarray:
    """Return `num` random numbers of 16 bits, uint16, seeded by torch's global generator."""
    seed = int(torch.randint(2**63 - 1, (), dtype=torch.int64))
    return np.random.SFC64(seed).random_raw(-(-num // 4)).view(np.uint16)[:num]
