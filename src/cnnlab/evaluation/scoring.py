"""What a run is worth on a data set: all its scores at once."""

import time
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from cnnlab.data import Dataset
from cnnlab.errors import ConfigError, DataError
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
        scores: `top1`, `top1_interval` (95 %, Wilson), `top5`, `loss`, `ece`, `per_class`,
            `confusion_matrix`, and `first`: `num_images`, `top1` and `top1_interval` of the first images
            alone, or None.
        seconds: what reading, classifying and scoring took.
        tta: which views of each image the network was shown, see `cut_views`.
        average: how its answers became one, see `average_views`.
    """

    data: str
    split: str
    fingerprint: str
    class_names: tuple[str, ...]
    labels: Tensor
    probs: Tensor
    scores: dict[str, Any]
    seconds: float
    tta: str = "none"
    average: str = "probs"

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
            "tta": self.tta,
            "average": self.average,
        }


def score(
    run: Run, dataset: Dataset, *, tta: str = "none", average: str = "probs", first: int | None = None
) -> Evaluation:
    """Classify a split and score the answers.

    Classes are bound by name: if the data set lists the run's classes in another order, its labels are
    translated.

    Args:
        run: a finished run.
        dataset: the split, its images of the run's `image_size`.
        tta: which views of each image the network is shown, see `cut_views`.
        average: how its answers become one, see `average_views`.
        first: score this many images from the start by themselves, too.

    Raises:
        ConfigError: there are no such views, they cannot be cut from these images, or there are fewer images
            than `first`.
        DataError: the data set has no images, other classes than the run, or images of another shape.
        RunError: the network's output is not a number.
    """
    start = time.perf_counter()
    if not len(dataset):
        raise DataError(f"{dataset.name}: there are no {dataset.split} images to evaluate on.")
    check_first(first, dataset)
    labels = bind_labels(run, dataset)
    probs = predict_probs(run, dataset.images, tta=tta, average=average)
    scores = _scores(probs, labels, run.class_names)
    scores["first"] = {"num_images": first, **_top1(probs[:first], labels[:first])} if first else None
    return Evaluation(
        data=dataset.name,
        split=dataset.split,
        fingerprint=dataset.fingerprint,
        class_names=run.class_names,
        labels=labels,
        probs=probs,
        scores=scores,
        seconds=time.perf_counter() - start,
        tta=tta,
        average=average,
    )


def check_first(first: int | None, dataset: Dataset) -> None:
    """Refuse to score more of the first images than there are; raises ConfigError."""
    if first is not None and first > len(dataset):
        raise ConfigError(
            f"evaluation.first: {dataset.name} has {len(dataset):,} {dataset.split} images; "
            f"must be at most all of them. Received: {first}."
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
    per_class = {
        name: {"recall": recall, "precision": precision, "f1": f1, "num_images": num_images}
        for name, recall, precision, f1, num_images in zip(
            class_names,
            metrics.recall(confusion),
            metrics.precision(confusion),
            metrics.f1(confusion),
            confusion.sum(1).tolist(),
            strict=True,
        )
    }
    return {
        **_top1(probs, labels),
        "top5": metrics.top5(probs, labels),
        "loss": metrics.nll(probs, labels),
        "ece": metrics.ece(probs, labels),
        "per_class": per_class,
        "confusion_matrix": confusion.tolist(),
    }


def _top1(probs: Tensor, labels: Tensor) -> dict[str, Any]:
    interval = wilson_interval(int(metrics.is_correct(probs, labels).sum()), len(labels))
    return {"top1": metrics.top1(probs, labels), "top1_interval": [interval.low, interval.high]}
