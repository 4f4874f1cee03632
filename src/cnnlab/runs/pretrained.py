"""What unsupervised pre-training leaves in a run folder, and how a run finds that another has done the same.

```
pretrain.safetensors  starting weights of the convolutions, and the numbers of the pictures
pretrain.json         what they are a function of, and the figures of each layer
```
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from cnnlab.errors import RunError
from cnnlab.runs.atomic import write_json
from cnnlab.runs.contents import Content, Count, Seconds, what_is_wrong
from cnnlab.runs.execution import with_later_fields
from cnnlab.runs.folder import RunFolder
from cnnlab.runs.weights import load_weights, save_weights

TENSORS, RECORD = "pretrain.safetensors", "pretrain.json"


class PretrainedLayer(Content):
    """The figures of one layer.

    Errors are those of restoring the layer's input on validation images: the mean square of what is wrong, as
    a share of the input's variance.
    """

    layer: str
    steps: Count
    error_before: float
    error: float
    seconds: Seconds


class PretrainingRecord(Content):
    """pretrain.json."""

    method: str
    num_images: Count
    layers: list[PretrainedLayer]
    origin: dict[str, Any]
    """All that the weights are a function of."""


@dataclass(frozen=True)
class Pretraining:
    """The outcome of a pre-training.

    Attributes:
        weights: of the convolutions, under their names in the network.
        pictures: what is drawn of the first layer: `filters before` and `filters after`, K x C x k x k;
            `originals`, `corrupted` and `restored`, N x C x H x W, pixels in [0, 1] or nearly.
        record: where it comes from, and the figures of each layer.
    """

    weights: dict[str, Tensor]
    pictures: dict[str, Tensor]
    record: PretrainingRecord


def save_pretraining(folder: RunFolder, pretraining: Pretraining) -> None:
    """Write both files; the tensors come last: where they are, all is.

    Raises:
        MissingResourceError: the disk is full.
    """
    record = pretraining.record.model_dump(mode="json")
    write_json(folder.path / RECORD, record)
    groups = {"weights": pretraining.weights, "pictures": pretraining.pictures}
    tensors = {f"{group}/{name}": value for group, part in groups.items() for name, value in part.items()}
    save_weights(folder.path / TENSORS, tensors, record)


def load_pretraining(folder: RunFolder) -> Pretraining | None:
    """Return the outcome of a run's pre-training; None if it has not been finished.

    Raises:
        RunError: the tensors are damaged.
    """
    path = folder.path / TENSORS
    if not path.exists():
        return None
    tensors, record = load_weights(path)
    if wrong := what_is_wrong(record, PretrainingRecord):
        raise RunError(f"{path}: damaged: {wrong}.")
    weights, pictures = (
        {key.removeprefix(group): value for key, value in tensors.items() if key.startswith(group)}
        for group in ("weights/", "pictures/")
    )
    if len(weights) + len(pictures) != len(tensors):
        raise RunError(f"{path}: damaged: these tensors are not those of a pre-training.")
    return Pretraining(weights, pictures, PretrainingRecord.model_validate(record))


def read_record(folder: RunFolder) -> PretrainingRecord | None:
    """Return what pretrain.json says; None if the run has not been pre-trained.

    Raises:
        RunError: it is damaged.
    """
    path = folder.path / RECORD
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise RunError(f"{path}: damaged: {error}.") from None
    if wrong := what_is_wrong(values, PretrainingRecord):
        raise RunError(f"{path}: damaged: {wrong}.")
    return PretrainingRecord.model_validate(values)


def find_pretraining(
    folder: RunFolder, origin: dict[str, Any], *, warn: Callable[[str], None]
) -> tuple[Pretraining, RunFolder] | None:
    """Return a finished pre-training of this origin, from this run or another in the same folder of runs.

    Args:
        folder: the run that needs it.
        origin: what its pre-training would be a function of.
        warn: told of files that are damaged and passed over.
    """
    others = sorted(path.parent for path in folder.path.parent.glob(f"*/{TENSORS}"))
    for candidate in map(RunFolder, dict.fromkeys((folder.path, *others))):
        try:
            record = read_record(candidate)
            if record is None or _with_later_fields(record.origin) != origin:
                continue
            found = load_pretraining(candidate)
        except RunError as error:
            warn(f"{error} It is passed over.")
            continue
        if found is not None and _with_later_fields(found.record.origin) == origin:
            return found, candidate
    return None


def _with_later_fields(origin: dict[str, Any]) -> dict[str, Any]:
    execution = origin.get("execution")
    return origin if execution is None else {**origin, "execution": with_later_fields(execution)}
