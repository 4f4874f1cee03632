"""One network with so many labels, started in one way: what its runs are worth against those of `none`."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from cnnlab.errors import RunError
from cnnlab.evaluation import Interval, evaluated_scores, mean_interval, paired_t
from cnnlab.evaluation.statistics import SIGNIFICANCE
from cnnlab.runs import RunFolder, read_record


@dataclass(frozen=True)
class Cell:
    """One network, with so many labels, started in one way.

    Attributes:
        network: its name.
        num_labels: how many images it was told the class of.
        method: how it was pre-trained, `none` if it was not.
        num_images: of the test.
        top1: of each seed on all test images, as a fraction.
        interval: of their mean, 95 %, t over seeds, ends cut to [0, 1]; None for one seed.
        difference: to `none` with the same images and seed, mean over seeds; None for `none` itself.
        difference_interval: 95 %, t over seeds; None for one seed.
        p_value: paired t test, two-sided; likewise.
        errors: of reconstruction, by layer: the mean over seeds.
        pretrain_seconds: mean over seeds.
    """

    network: str
    num_labels: int
    method: str
    num_images: int
    top1: tuple[float, ...]
    interval: tuple[float, float] | None
    difference: float | None
    difference_interval: tuple[float, float] | None
    p_value: float | None
    errors: dict[str, float]
    pretrain_seconds: float

    @property
    def verdict(self) -> str:
        """What the paired test says, in a word or two."""
        if self.difference is None or self.p_value is None:
            return ""
        if self.p_value >= SIGNIFICANCE:
            return "not told apart"
        return "better" if self.difference > 0 else "worse"


def make_cell(
    network: str, num_labels: int, method: str, group: Sequence[RunFolder], baseline: Sequence[RunFolder]
) -> Cell:
    """Work out one cell.

    Args:
        network: its name.
        num_labels: how many images it was told the class of.
        method: how it was pre-trained.
        group: its runs, one per seed.
        baseline: those of `none`, for the same seeds in the same order.

    Raises:
        RunError: a run is damaged, or saw other images than the one it is paired with.
    """
    _check_paired(group, baseline)
    top1, without = [_top1(folder) for folder in group], [_top1(folder) for folder in baseline]
    resolution = 1 / evaluated_scores(group[0])["num_images"]
    differences = [one - other for one, other in zip(top1, without, strict=True)]
    # Both of a pair are rounded to one image: the variance of their difference is twice that of one.
    gain = mean_interval(differences, resolution=2**0.5 * resolution)
    is_paired, has_spread = method != "none", len(group) > 1
    records = [record for folder in group if (record := read_record(folder)) is not None]
    layers = records[0].layers if records else []
    return Cell(
        network=network,
        num_labels=num_labels,
        method=method,
        num_images=evaluated_scores(group[0])["num_images"],
        top1=tuple(top1),
        interval=_inside(_ends(mean_interval(top1, resolution=resolution))),
        difference=gain.mean if is_paired else None,
        difference_interval=_ends(gain) if is_paired else None,
        p_value=paired_t(without, top1, resolution=resolution) if is_paired and has_spread else None,
        errors={
            layer.layer: fmean(record.layers[place].error for record in records)
            for place, layer in enumerate(layers)
        },
        pretrain_seconds=fmean(
            [sum(layer.seconds for layer in record.layers) for record in records] or [0.0]
        ),
    )


def _check_paired(group: Sequence[RunFolder], baseline: Sequence[RunFolder]) -> None:
    for one, other in zip(group, baseline, strict=True):
        images = [
            (folder.environment["data"]["train"]["fingerprint"], evaluated_scores(folder)["fingerprint"])
            for folder in (one, other)
        ]
        if one.config.seed != other.config.seed or images[0] != images[1]:
            raise RunError(f"{one.path}: its seed or its images are not those of {other.path}.")


def _top1(folder: RunFolder) -> float:
    return evaluated_scores(folder)["top1"]


def _ends(interval: Interval) -> tuple[float, float] | None:
    if interval.low is None or interval.high is None:
        return None
    return interval.low, interval.high


def _inside(ends: tuple[float, float] | None) -> tuple[float, float] | None:
    """Cut the ends of an interval of accuracies to [0, 1]."""
    return ends and (max(0.0, ends[0]), min(1.0, ends[1]))
