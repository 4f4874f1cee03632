"""The gate that every export passes: it must answer as the network does, on the same images."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NUM_IMAGES = 1000
TOLERANCE = 1e-4
"""Of a logit, in float32."""
ROUNDING = 2e-6
"""Of the largest logit: where that is above 50, float32 itself rounds more than `TOLERANCE` allows."""
LARGEST_DROP = 0.005
"""Of top1, as a fraction, that int8 may cost without being asked for."""


@dataclass(frozen=True)
class Parity:
    """How answers differ.

    Attributes:
        num_images: compared.
        largest_difference: of a logit.
        tolerance: for it.
        num_other_labels: images with another label, ties apart.
        top1: of the export, on these images.
    """

    num_images: int
    largest_difference: float
    tolerance: float
    num_other_labels: int
    top1: float

    @property
    def problem(self) -> str:
        """What is wrong, in words that end a line; empty if nothing is."""
        if not self.largest_difference <= self.tolerance:  # not a number is no answer either
            return (
                f"its logits differ from the network's by up to {self.largest_difference:.2g} on "
                f"{self.num_images:,} images; {self.tolerance:.2g} is allowed"
            )
        if self.num_other_labels:
            return f"{self.num_other_labels} of {self.num_images:,} images have another label"
        return ""


def compare(logits: NDArray[np.float32], expected: NDArray[np.float32], labels: NDArray[np.int64]) -> Parity:
    """Compare an export's logits with the network's.

    Two labels are a tie where the network's own logits for them differ by no more than is allowed to both.

    Args:
        logits: N x num_classes, of the export.
        expected: likewise, of the network.
        labels: N, the true ones.
    """
    tolerance = max(TOLERANCE, ROUNDING * float(np.abs(expected).max(initial=0)))
    rows = np.arange(len(labels))
    found, own = logits.argmax(1), expected.argmax(1)
    is_other = expected[rows, own] - expected[rows, found] > 2 * tolerance
    return Parity(
        num_images=len(labels),
        largest_difference=float(np.abs(logits - expected).max(initial=0)),
        tolerance=tolerance,
        num_other_labels=int(is_other.sum()),
        top1=top1_of(logits, labels),
    )


def top1_of(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """Return the share of images whose largest logit is that of their label."""
    return float((logits.argmax(1) == labels).mean())
