"""A run's answers on the test images, kept so that tests between runs never need the images again."""

import shlex
from dataclasses import dataclass

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
        RunError: the file is missing or damaged.
    """
    try:
        tensors, description = load_weights(folder.predictions)
        return StoredPredictions(
            tensors["labels"],
            tensors["probs"],
            tuple(description["class_names"]),
            description["fingerprint"],
        )
    except (RunError, KeyError, TypeError):
        what = "is damaged" if folder.predictions.exists() else "is not there"
        raise RunError(
            f"{folder.predictions}: {what}. Remove eval.json beside it, then run: "
            f"cnnlab evaluate {shlex.quote(str(folder.path))}"
        ) from None
