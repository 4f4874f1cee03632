"""How far a network's confidence can be trusted, and how to mend it: reliability, temperature."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from cnnlab.evaluation.metrics import NUM_ECE_BINS

COLDEST, HOTTEST = 0.05, 20.0


@dataclass(frozen=True)
class ReliabilityBin:
    """The images whose confidence lies in one part of 0 to 1.

    Attributes:
        low: the part's lower end, itself outside.
        high: its upper end, inside.
        num_images: how many there are.
        confidence: their mean confidence; None without images.
        accuracy: the share of them that is right; None without images.
    """

    low: float
    high: float
    num_images: int
    confidence: float | None
    accuracy: float | None


def reliability(
    confidence: Tensor, is_correct: Tensor, *, num_bins: int = NUM_ECE_BINS
) -> list[ReliabilityBin]:
    """Return confidence against accuracy, in equal bins of the confidence.

    Args:
        confidence: N, the largest probability of each image.
        is_correct: N, bool, whether its class is the label.
        num_bins: how many; as many as the calibration error has; of one run that is then their mean gap.

    Source: C. Guo et al., arXiv:1706.04599, section 2.
    """
    confidence, right = confidence.double(), is_correct.double()
    places = ((confidence * num_bins).ceil().long() - 1).clamp(0, num_bins - 1)
    bins = []
    for index in range(num_bins):
        chosen = places == index
        count = int(chosen.sum())
        bins.append(
            ReliabilityBin(
                low=index / num_bins,
                high=(index + 1) / num_bins,
                num_images=count,
                confidence=confidence[chosen].mean().item() if count else None,
                accuracy=right[chosen].mean().item() if count else None,
            )
        )
    return bins


def fit_temperature(probs: Tensor, labels: Tensor) -> float:
    """Return the temperature by which logits must be divided for the least loss, between 0.05 and 20.

    Fitted on validation images; above 1 where a network is surer than it is right. The class with the largest
    probability stays the same, and so does the accuracy.

    Args:
        probs: N x num_classes.
        labels: N, int64.

    Source: C. Guo et al., arXiv:1706.04599, section 4.2.
    """
    from scipy.optimize import minimize_scalar

    logs = _logs(probs)

    def loss(log_temperature: float) -> float:
        scaled = (logs / math.exp(log_temperature)).log_softmax(1)
        return -scaled.gather(1, labels[:, None]).mean().item()

    ends = (math.log(COLDEST), math.log(HOTTEST))
    found = minimize_scalar(loss, bounds=ends, method="bounded")
    return math.exp(float(found.x))  # pyright: ignore[reportAttributeAccessIssue] # scipy has no types


def at_temperature(probs: Tensor, temperature: float) -> Tensor:
    """Return the probabilities of logits that are divided by a temperature, float32, as `probs`."""
    return (_logs(probs) / temperature).softmax(1).float()


def _logs(probs: Tensor) -> Tensor:
    """Return logits of these probabilities; what float32 rounded to 0 counts as its smallest number."""
    return probs.double().clamp_min(torch.finfo(torch.float32).tiny).log()
