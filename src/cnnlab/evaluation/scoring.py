"""What a run is worth on a data set: all its scores at once."""

import time
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from cnnlab.data import Dataset
from cnnlab.errors import DataError
from cnnlab.evaluation import metrics
from cnnlab.evaluation.loading import Run
from cnnlab.evaluation.prediction import predict_probs
from cnnlab.evaluation.statistics import wilson_interval


@dataclass(frozen=True)
class Evaluation:
    """Scores of a run on one split; `metrics` says how each is defined.

    Attributes:
        data: name of the data set.
        split: `train`, `val` or `test`.
        fingerprint: of the images and labels.
        class_names: the run's, in the order of the confusion matrix.
        labels: N, int64, indices into `class_names`.
        probs: N x num_classes, float32.
        scores: `top1`, `top1_interval` (95 %, Wilson), `top5`, `loss`, `ece`, `per_class` and
            `confusion_matrix`.
        seconds: what reading, classifying and scoring took.
    """

    data: str
    split: str
    fingerprint: str
    class_names: tuple[str, ...]
    labels: Tensor
    probs: Tensor
    scores: dict[str, Any]
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """Return everything but the single images, for JSON: fractions and seconds."""
        return {
            **self.scores,
            "class_names": list(self.class_names),
            "num_images": len(self.labels),
            "split": self.split,
            "data": self.data,
            "fingerprint": self.fingerprint,
            "seconds": self.seconds,
        }


def score(run: Run, dataset: Dataset) -> Evaluation:
    """Classify a split and score the answers.

    Classes are bound by name: if the data set lists the run's classes in another order, its labels are
    translated.

    Raises:
        DataError: the data set has no images, other classes than the run, or images of another shape.
        RunError: the network's output is not a number.
    """
    start = time.perf_counter()
    if not len(dataset):
        raise DataError(f"{dataset.name}: there are no {dataset.split} images to evaluate on.")
    labels = bind_labels(run, dataset)
    probs = predict_probs(run, dataset.images)
    scores = _scores(probs, labels, run.class_names)
    seconds = time.perf_counter() - start
    return Evaluation(
        dataset.name, dataset.split, dataset.fingerprint, run.class_names, labels, probs, scores, seconds
    )


def bind_labels(run: Run, dataset: Dataset) -> Tensor:
    """Return the data set's labels as indices into the run's class names, N, int64.

    Raises:
        DataError: the data set lacks one of the run's classes, or has another one.
    """
    known, given = set(run.class_names), set(dataset.class_names)
    if known != given or len(run.class_names) != len(dataset.class_names):
        parts = [
            f"{what}: {', '.join(repr(name) for name in sorted(names)[:5])}"
            for what, names in (("missing", known - given), ("not known to the run", given - known))
            if names
        ]
        raise DataError(
            f"{dataset.name}: its {len(dataset.class_names)} classes are not the {len(run.class_names)} "
            f"classes of {run.folder.path}: {'; '.join(parts) or 'a name is there twice'}. "
            "Evaluate on the classes that it was trained on."
        )
    place = {name: index for index, name in enumerate(run.class_names)}
    return torch.tensor([place[name] for name in dataset.class_names])[dataset.labels]


def _scores(probs: Tensor, labels: Tensor, class_names: tuple[str, ...]) -> dict[str, Any]:
    confusion = metrics.confusion_matrix(probs, labels)
    interval = wilson_interval(int(confusion.trace()), len(labels))
    per_class = {
        name: {"recall": recall, "precision": precision, "num_images": num_images}
        for name, recall, precision, num_images in zip(
            class_names,
            metrics.recall(confusion),
            metrics.precision(confusion),
            confusion.sum(1).tolist(),
            strict=True,
        )
    }
    return {
        "top1": metrics.top1(probs, labels),
        "top1_interval": [interval.low, interval.high],
        "top5": metrics.top5(probs, labels),
        "loss": metrics.nll(probs, labels),
        "ece": metrics.ece(probs, labels),
        "per_class": per_class,
        "confusion_matrix": confusion.tolist(),
    }
