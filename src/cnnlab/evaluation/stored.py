"""A run's answers on the test images, kept so that tests between runs never need the images again."""

import shlex
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from cnnlab.errors import RunError
from cnnlab.evaluation import metrics
from cnnlab.evaluation.scoring import Evaluation
from cnnlab.runs import RunFolder, load_weights, save_weights


@dataclass(frozen=True)
class StoredPredictions:
    """What a run answered on the test images, in their order.

    Attributes:
        labels: N, int64, indices into `class_names`.
        probs: N x num_classes, float32.
        class_names: the run's.
        fingerprint: of the images and labels.
    """

    labels: Tensor
    probs: Tensor
    class_names: tuple[str, ...]
    fingerprint: str

    @property
    def is_correct(self) -> Tensor:
        """Whether each image was classified right, N, bool."""
        return metrics.is_correct(self.probs, self.labels)


def save_predictions(folder: RunFolder, evaluation: Evaluation) -> None:
    """Write predictions.safetensors, under a sha256 sum as the weights are.

    Raises:
        MissingResourceError: the disk is full.
    """
    description = {"class_names": list(evaluation.class_names), "fingerprint": evaluation.fingerprint}
    tensors = {"labels": evaluation.labels, "probs": evaluation.probs}
    save_weights(folder.predictions, tensors, description)


def load_predictions(folder: RunFolder) -> StoredPredictions:
    """Read what `save_predictions` wrote.

    Raises:
        RunError: the file is missing or damaged, or holds other answers than those that eval.json is about.
    """
    evaluation = folder.evaluation
    first = "Remove eval.json beside it, then run" if evaluation else "Get it with"
    remedy = f"{first}: cnnlab evaluate {shlex.quote(str(folder.path))}"
    try:
        tensors, description = load_weights(folder.predictions)
        stored = StoredPredictions(
            tensors["labels"],
            tensors["probs"],
            tuple(description["class_names"]),
            description["fingerprint"],
        )
    except (RunError, KeyError, TypeError):
        stored = None
    if stored is None or not _is_sound(stored):
        what = "is damaged" if folder.predictions.exists() else "is not there"
        raise RunError(f"{folder.predictions}: {what}. {remedy}")
    if evaluation and not _belongs_to(stored, evaluation):
        raise RunError(f"{folder.predictions}: does not hold the answers that eval.json is about. {remedy}")
    return stored


def _is_sound(stored: StoredPredictions) -> bool:
    """Tell whether there is a label of the classes, and a distribution over them, for each image."""
    labels, probs = stored.labels, stored.probs
    if labels.dtype != torch.int64 or not probs.is_floating_point():
        return False
    if labels.ndim != 1 or probs.shape != (len(labels), len(stored.class_names)) or len(labels) == 0:
        return False
    in_range = bool((labels >= 0).all() and (labels < len(stored.class_names)).all())
    return in_range and bool((probs >= 0).all()) and bool(((probs.sum(1) - 1).abs() < 0.01).all())


def _belongs_to(stored: StoredPredictions, evaluation: dict[str, Any]) -> bool:
    about = stored.fingerprint, len(stored.labels), list(stored.class_names)
    if about != tuple(evaluation[name] for name in ("fingerprint", "num_images", "class_names")):
        return False
    return abs(float(stored.is_correct.double().mean()) - evaluation["top1"]) < 1e-6
