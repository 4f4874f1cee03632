"""Several runs of a network as one: the mean of their probabilities."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

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


class Together:
    """Adds up what runs answer, one after another, so that one run's answers are in memory at a time."""

    def __init__(self) -> None:
        self._num_runs, self._fingerprint = 0, ""
        self._labels, self._total = torch.empty(0), torch.empty(0)

    def add(self, answers: StoredPredictions, source: Path) -> None:
        """Add those of one more run; raises RunError if they are of other images than the first's."""
        if not self._num_runs:
            self._fingerprint, self._labels = answers.fingerprint, answers.labels
            self._total = torch.zeros_like(answers.probs, dtype=torch.float64)
        elif answers.fingerprint != self._fingerprint or answers.probs.shape != self._total.shape:
            raise RunError(f"{source}: its stored answers are of other images than the other runs'.")
        self._total += answers.probs
        self._num_runs += 1

    def ensemble(self) -> Ensemble | None:
        """Return what they come to; None of fewer than two."""
        if self._num_runs < 2:
            return None
        num_correct = int(metrics.is_correct(self._total, self._labels).sum())
        interval = wilson_interval(num_correct, len(self._labels))
        assert interval.low is not None and interval.high is not None
        return Ensemble(self._num_runs, num_correct / len(self._labels), (interval.low, interval.high))


def ensemble_of(folders: Sequence[RunFolder]) -> Ensemble | None:
    """Return what evaluated runs answer together; None of one run, or where answers were not kept.

    Raises:
        RunError: stored answers are damaged, or of different images.
    """
    if not all(folder.predictions.exists() for folder in folders):
        return None
    together = Together()
    for folder in folders:
        together.add(load_predictions(folder), folder.path)
    return together.ensemble()
