"""Scores of a classifier: pure functions of probabilities and labels.

Throughout, `probs` is N x num_classes (float, rows sum to 1) and `labels` is N (int64); N is at least 1.
Scores are fractions, not per cent.
"""

import torch
from torch import Tensor

NUM_ECE_BINS = 15
SMALLEST_PROB = torch.finfo(torch.float32).tiny


def predictions(probs: Tensor) -> Tensor:
    """Return the most probable class of each image, N; the first one among equals."""
    return probs.argmax(1)


def is_correct(probs: Tensor, labels: Tensor) -> Tensor:
    """Return whether the most probable class is the label, N, bool."""
    return predictions(probs) == labels


def top1(probs: Tensor, labels: Tensor) -> float:
    """Return the share of images whose label is the most probable class."""
    return is_correct(probs, labels).double().mean().item()


def top5(probs: Tensor, labels: Tensor) -> float:
    """Return the share of images whose label is among the 5 most probable classes, or all if there are fewer.

    Among equal probabilities the lower class comes first, as in `top1`.
    """
    best = probs.argsort(dim=1, descending=True, stable=True)[:, :5]  # N x min(5, num_classes)
    return (best == labels[:, None]).any(1).double().mean().item()


def nll(probs: Tensor, labels: Tensor) -> float:
    """Return the mean negative logarithm of the label's probability, in nats: the cross-entropy loss.

    Probabilities below 1.2e-38, which float32 would round to nothing, count as that: the loss stays finite.
    """
    chosen = probs.double().gather(1, labels[:, None]).clamp_min(SMALLEST_PROB)
    return -chosen.log().mean().item()


def confusion_matrix(probs: Tensor, labels: Tensor) -> Tensor:
    """Return counts, num_classes x num_classes, int64: row = true class, column = predicted class."""
    num_classes = probs.shape[1]
    cells = labels * num_classes + predictions(probs)
    return torch.bincount(cells, minlength=num_classes**2).view(num_classes, num_classes)


def recall(confusion: Tensor) -> list[float | None]:
    """Return, per class, the share of its images that were found; None for a class without images.

    Args:
        confusion: from `confusion_matrix`.
    """
    return _shares(confusion.diagonal(), confusion.sum(1))


def precision(confusion: Tensor) -> list[float | None]:
    """Return, per class, the share of right answers among those that named it; None if none did.

    Args:
        confusion: from `confusion_matrix`.
    """
    return _shares(confusion.diagonal(), confusion.sum(0))


def f1(confusion: Tensor) -> list[float | None]:
    """Return, per class, the harmonic mean of precision and recall; None for a class never seen nor named.

    Args:
        confusion: from `confusion_matrix`.
    """
    return _shares(2 * confusion.diagonal(), confusion.sum(0) + confusion.sum(1))


def most_confused(confusion: Tensor, *, most: int = 10) -> list[tuple[int, int, int]]:
    """Return (true class, predicted class, images) of the most frequent mistakes, the most frequent first.

    Equals come in the order of the classes; pairs without images are left out.

    Args:
        confusion: from `confusion_matrix`.
        most: how many pairs at most.
    """
    pairs = [
        (true, predicted, count)
        for true, row in enumerate(confusion.tolist())
        for predicted, count in enumerate(row)
        if true != predicted and count
    ]
    return sorted(pairs, key=lambda pair: -pair[2])[:most]


def ece(probs: Tensor, labels: Tensor, *, num_bins: int = NUM_ECE_BINS) -> float:
    """Return the expected calibration error: how far confidence lies from accuracy, on average over images.

    The confidence (largest probability) is put into equal bins, open below and closed above; each adds
    |accuracy - mean confidence|, weighted by its share of the images.

    Source: C. Guo et al., "On Calibration of Modern Neural Networks", arXiv:1706.04599, equation 3.
    """
    confidence = probs.double().amax(1)
    bins = ((confidence * num_bins).ceil().long() - 1).clamp(0, num_bins - 1)
    gaps = torch.zeros(num_bins, dtype=torch.float64)
    gaps.index_add_(0, bins, is_correct(probs, labels).double() - confidence)
    return gaps.abs().sum().item() / len(labels)


def _shares(parts: Tensor, wholes: Tensor) -> list[float | None]:
    pairs = zip(parts.tolist(), wholes.tolist(), strict=True)
    return [part / whole if whole else None for part, whole in pairs]
