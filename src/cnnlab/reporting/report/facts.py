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
class Shape:
    """A network at work, where its weights or at least its images are known.

    Attributes:
        parts: for the diagram.
        layers: the layer table.
        image_size: height and width that the network sees, in pixels.
        in_channels: of its images.
    """

    parts: tuple[Part, ...]
    layers: LayerTable
    image_size: int
    in_channels: int


@dataclass(frozen=True)
class Disagreement:
    """The test images on which exactly one of two runs of a seed is right.

    Attributes:
        seed: of both runs.
        only_first: images that only the first network's run gets right.
        only_this: images that only this network's run gets right.
        p_value: of McNemar's exact test, two-sided.
    """

    seed: int
    only_first: int
    only_this: int
    p_value: float


@dataclass(frozen=True)
class NetworkFacts:
    """One network over its seeds.

    Attributes:
        name: what the report calls it: its recipe, or the network's own name, without the data's.
        recipe: its recipe; empty if there is none.
        network: its name in the registry.
        year: when it was published.
        arguments: of the network, where they are not its defaults.
        folders: its runs, by seed.
        shape: parts and layers; None where neither weights nor images are known.
        file_bytes: of the weights; None where they are gone.
        settings: how it was trained, by dotted name.
        epochs: of a run.
        steps: of a run.
        curves: of each seed.
        epoch_seconds: mean and standard deviation of an epoch's time, over all epochs of all seeds; of a
            single epoch the deviation is None.
        reached: epochs and seconds until validation first reaches `Facts.target`, mean over seeds; None
            where nothing was validated.
        recall: per class, mean over seeds; None for a class without images.
        precision: likewise.
        f1: likewise.
        confusion: num_classes x num_classes, summed over seeds.
        confused: (true, predicted, images per seed) of the most frequent mistakes.
        ece: mean over seeds.
        loss: mean over seeds, on test.
        bins: reliability, of the answers of all seeds together; empty where they are not stored.
        disagreements: with the first network, a seed each; empty for itself, and where answers are not kept.
    """

    name: str
    recipe: str
    network: str
    year: int
    arguments: dict[str, Any]
    folders: tuple[RunFolder, ...]
    shape: Shape | None
    file_bytes: int | None
    settings: dict[str, Any]
    epochs: float
    steps: int
    curves: tuple[Curve, ...]
    epoch_seconds: tuple[float, float | None]
    reached: tuple[float, float] | None
    recall: tuple[float | None, ...]
    precision: tuple[float | None, ...]
    f1: tuple[float | None, ...]
    confusion: Tensor
    confused: tuple[tuple[int, int, float], ...]
    ece: float
    loss: float
    bins: tuple[ReliabilityBin, ...]
    disagreements: tuple[Disagreement, ...]


@dataclass(frozen=True)
class Facts:
    """Everything.

    Attributes:
        comparison: of the networks on the seeds that all have.
        networks: in the order in which their first runs were given.
        target: the validation accuracy that every run reaches, cut to a tenth of a point; None where a run
            was not validated.
        unfinished: runs that were given and have not ended, with the steps done and planned.
        left_out: runs of seeds that not every network has.
        class_names: in the order of the confusion matrices.
        class_counts: test images of each class.
        splits: images in `train`, `val` and `test`.
        fingerprints: of each split.
    """

    comparison: Comparison
    networks: tuple[NetworkFacts, ...]
    target: float | None
    unfinished: tuple[tuple[RunFolder, int, int | None], ...]
    left_out: tuple[RunFolder, ...]
    class_names: tuple[str, ...]
    class_counts: tuple[int, ...]
    splits: dict[str, int]
    fingerprints: dict[str, str]
