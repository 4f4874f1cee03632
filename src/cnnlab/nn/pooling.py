"""Max-pooling that halves the size and rounds up, as TensorFlow's SAME padding does: 7 becomes 4."""

from torch import nn


def make_halving_pool(*, overlapping: bool) -> nn.MaxPool2d:
    """Return max-pooling every 2 pixels.

    Args:
        overlapping: windows of 3 pixels instead of 2, centred on every second pixel. TensorFlow centres them
            on the others where the size is even; the output has the same size.

    Source: overlapping pooling is section 3.4 of the AlexNet paper.
    """
    if overlapping:
        return nn.MaxPool2d(3, 2, padding=1)
    return nn.MaxPool2d(2, 2, ceil_mode=True)
