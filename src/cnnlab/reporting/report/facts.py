"""What a report tells: all of it is taken from run folders."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from cnnlab.evaluation import Comparison, ReliabilityBin
from cnnlab.explain import Part
from cnnlab.models import LayerTable
from cnnlab.runs import RunFolder


@dataclass(frozen=True)
class Curve:
    """What one run logged.

    Attributes:
        seed: the run's.
        train: (epoch, seconds, loss, top1), a line for each.
        val: the same of validation.
    """

    seed: int
    train: tuple[tuple[float, float, float, float], ...]
    val: tuple[tuple[float, float, float, float], ...]


@dataclass(frozen=True)
class NetworkFacts:
    """One network over its seeds.

    Attributes:
        name: what the report calls it: its recipe, or the network's own name.
        network: its name in the registry.
        year: of the paper.
        paper: an arXiv number or a title; empty if there is none.
        folders: its runs, by seed.
        parts: for the diagram.
        layers: the layer table.
        image_size: that the network sees, in pixels.
        in_channels: of its images.
        file_bytes: of the weights.
        settings: how it was trained, by dotted name.
        epochs: of a run.
        steps: of a run.
        curves: of each seed.
        epoch_seconds: mean and standard deviation of an epoch's time, over all epochs of all seeds; of a
            single epoch the deviation is None.
        recall: per class, mean over seeds; None for a class without images.
        precision: likewise.
        f1: likewise.
        confusion: num_classes x num_classes, summed over seeds.
        confused: (true, predicted, images per seed) of the most frequent mistakes.
        ece: mean over seeds.
        loss: mean over seeds, on test.
        bins: reliability, of the answers of all seeds together.
    """

    name: str
    network: str
    year: int
    paper: str
    folders: tuple[RunFolder, ...]
    parts: tuple[Part, ...]
    layers: LayerTable
    image_size: int
    in_channels: int
    file_bytes: int
    settings: dict[str, Any]
    epochs: float
    steps: int
    curves: tuple[Curve, ...]
    epoch_seconds: tuple[float, float | None]
    recall: tuple[float | None, ...]
    precision: tuple[float | None, ...]
    f1: tuple[float | None, ...]
    confusion: Tensor
    confused: tuple[tuple[int, int, float], ...]
    ece: float
    loss: float
    bins: tuple[ReliabilityBin, ...]


@dataclass(frozen=True)
class Facts:
    """Everything.

    Attributes:
        comparison: of the networks on the seeds that all have.
        networks: in the order in which their first runs were given.
        unfinished: runs that were given and have not ended, with the steps done and planned.
        class_names: in the order of the confusion matrices.
        class_counts: test images of each class.
        splits: images in `train`, `val` and `test`.
        fingerprints: of each split.
        environment: of the first run: versions and hardware.
    """

    comparison: Comparison
    networks: tuple[NetworkFacts, ...]
    unfinished: tuple[tuple[RunFolder, int, int | None], ...]
    class_names: tuple[str, ...]
    class_counts: tuple[int, ...]
    splits: dict[str, int]
    fingerprints: dict[str, str]
    environment: dict[str, Any]
