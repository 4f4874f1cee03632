"""Evaluation for the sake of an order alone: as quick as training, with its rounding errors.

Outside training layers compute as torch does, so that what is evaluated, exported and served is the same: to
the bit but for ReLU, pooling and LRN in one pass. Where images are only put in order, by how hard they are,
nothing of that is needed.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

_is_on = False  # a plain name, which torch.compile can look at


@contextmanager
def quick_evaluation() -> Iterator[None]:
    """Let layers in evaluation mode take what is quickest, while this lasts and gradients are off."""
    global _is_on
    before, _is_on = _is_on, True
    try:
        yield
    finally:
        _is_on = before


def is_quick() -> bool:
    """Tell whether evaluation may round as training does; never where gradients are on."""
    return _is_on and not torch.is_grad_enabled()


def may_round(layer: nn.Module) -> bool:
    """Tell whether a layer may differ from torch's by rounding: while it learns, and in quick evaluation."""
    return layer.training or is_quick()
