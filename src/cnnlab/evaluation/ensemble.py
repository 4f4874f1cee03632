"""Several runs of a network as one: the mean of their probabilities."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from cnnlab.errors import RunError
from cnnlab.evaluation import metrics
from cnnlab.evaluation.statistics import wilson_interval
from cnnlab.evaluation.stored import StoredPredictions, load_predictions
from cnnlab.runs import RunFolder


@dataclass(frozen=True)
class Ensemble:
    """What runs answer together.

    Attributes:
        num_runs: how many.
        top1: of the mean of their probabilities, as a fraction of the test images.
        interval: 95 %, Wilson over images: there is one ensemble, which says nothing about other seeds.
    """

    num_runs: int
    top1: float
    interval: tuple[float, float]


def ensemble_of(folders: Sequence[RunFolder]) -> Ensemble | None:
    """Return what evaluated runs answer together; None of one run, or where answers were not kept.

    Raises:
        RunError: stored answers are damaged, or of different images.
    """
    if len(folders) < 2 or not all(folder.predictions.exists() for folder in folders):
        return None
    answers = [load_predictions(folder) for folder in folders]
    for folder, other in zip(folders, answers, strict=True):
        if other.fingerprint != answers[0].fingerprint or other.probs.shape != answers[0].probs.shape:
            raise RunError(f"{folder.path}: its stored answers are of other images than {folders[0].path}'s.")
    return answer_together(answers)


def answer_together(answers: Sequence[StoredPredictions]) -> Ensemble:
    """Return what runs come to together whose answers, at least one, are of the same images."""
    first = answers[0]
    total = torch.zeros_like(first.probs, dtype=torch.float64)
    for one in answers:
        total += one.probs
    num_correct = int(metrics.is_correct(total, first.labels).sum())
    interval = wilson_interval(num_correct, len(first.labels))
    assert interval.low is not None and interval.high is not None
    return Ensemble(len(answers), num_correct / len(first.labels), (interval.low, interval.high))
