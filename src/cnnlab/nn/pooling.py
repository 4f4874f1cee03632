"""Pooling that halves the size and rounds up, as TensorFlow's SAME padding does: 7 becomes 4."""

from typing import Literal

from torch import nn

Pool = Literal["max", "average"]
"""The value of a network's `pool` argument."""


def make_halving_pool(pool: Pool = "max", *, overlapping: bool) -> nn.MaxPool2d | nn.AvgPool2d:
    """Return pooling every 2 pixels.

    Args:
        pool: what becomes of a window: its largest value, or the mean of its pixels inside the image.
        overlapping: windows of 3 pixels instead of 2, centred on every second pixel. TensorFlow centres them
            on the others where the size is even; the output has the same size.

    Source: overlapping pooling is section 3.4 of the AlexNet paper.
    """
    if pool == "average":
        if overlapping:
            return nn.AvgPool2d(3, 2, padding=1, count_include_pad=False)
        return nn.AvgPool2d(2, 2, ceil_mode=True, count_include_pad=False)
    if overlapping:
        return nn.MaxPool2d(3, 2, padding=1)
    return nn.MaxPool2d(2, 2, ceil_mode=True)
