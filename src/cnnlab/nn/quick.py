"""Evaluation for the sake of an order alone: as quick as training, with its rounding errors.

Outside training layers compute as torch does, to the bit, so that what is evaluated, exported and served is
the same. Where images are only put in order, by how hard they are, nothing of that is needed.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import nn

_IS_QUICK = ContextVar("is_quick", default=False)


@contextmanager
def quick_evaluation() -> Iterator[None]:
    """Let layers in evaluation mode take what is quickest, while this lasts and gradients are off."""
    token = _IS_QUICK.set(True)
    try:
        yield
    finally:
        _IS_QUICK.reset(token)


def is_quick() -> bool:
    """Tell whether evaluation may round as training does; never where gradients are on."""
    return _IS_QUICK.get() and not torch.is_grad_enabled()


def may_round(layer: nn.Module) -> bool:
    """Tell whether a layer may differ from torch's by rounding: while it learns, and in quick evaluation."""
    return layer.training or is_quick()
