"""Which test images a picture shows: chosen by a fixed rule, never by eye."""

from dataclasses import dataclass

import torch
from torch import Tensor

from cnnlab.evaluation import metrics

MAX_RIGHT, MAX_WRONG = 12, 12


@dataclass(frozen=True)
class Samples:
    """Indices of the images to show.

    Attributes:
        right: the first of each class that was classified right, then the second of each, and so on, up to
            `MAX_RIGHT`.
        wrong: the mistakes made with the most confidence, most confident first, up to `MAX_WRONG`.
        num_wrong: how many mistakes there are in all.
        num_images: how many images there are.
    """

    right: tuple[int, ...]
    wrong: tuple[int, ...]
    num_wrong: int
    num_images: int


def choose_samples(labels: Tensor, probs: Tensor) -> Samples:
    """Choose images by the rule of `Samples`.

    Args:
        labels: N, int64.
        probs: N x num_classes.
    """
    is_correct = metrics.is_correct(probs, labels)
    turns: list[tuple[int, int, int]] = []
    for label in range(probs.shape[1]):
        found = torch.nonzero(is_correct & (labels == label)).flatten()[:MAX_RIGHT].tolist()
        turns += [(turn, label, index) for turn, index in enumerate(found)]
    wrong = torch.nonzero(~is_correct).flatten()
    order = probs[wrong].amax(1).argsort(descending=True, stable=True) if len(wrong) else wrong
    return Samples(
        right=tuple(index for _, _, index in sorted(turns)[:MAX_RIGHT]),
        wrong=tuple(wrong[order][:MAX_WRONG].tolist()),
        num_wrong=len(wrong),
        num_images=len(labels),
    )
