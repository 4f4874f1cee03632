"""What the runs of one way are worth, and against another way with the same images and seeds."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from cnnlab.errors import RunError
from cnnlab.evaluation import Interval, evaluated_scores, mean_interval, paired_t
from cnnlab.evaluation.statistics import SIGNIFICANCE
from cnnlab.runs import RunFolder


@dataclass(frozen=True)
class Accuracy:
    """Test accuracy over seeds.

    Attributes:
        num_images: of the test.
        top1: of each seed on all test images, as a fraction.
        interval: of their mean, 95 %, t over seeds, ends cut to [0, 1]; None for one seed.
    """

    num_images: int
    top1: tuple[float, ...]
    interval: tuple[float, float] | None


@dataclass(frozen=True)
class Gain:
    """What one way brings against another, paired over seeds.

    Attributes:
        difference: mean over seeds, as a fraction.
        interval: 95 %, t over seeds; None for one seed.
        p_value: paired t test, two-sided; likewise.
    """

    difference: float
    interval: tuple[float, float] | None
    p_value: float | None

    @property
    def verdict(self) -> str:
        """What the paired test says, in a word or two; nothing where there is none."""
        if self.p_value is None:
            return ""
        if self.p_value >= SIGNIFICANCE:
            return "not told apart"
        return "better" if self.difference > 0 else "worse"


def accuracy_of(group: Sequence[RunFolder]) -> Accuracy:
    """Return the accuracy of runs, one per seed.

    Raises:
        RunError: a run is damaged.
    """
    top1 = _top1(group)
    ends = _ends(mean_interval(top1, resolution=_resolution(group)))
    inside = ends and (max(0.0, ends[0]), min(1.0, ends[1]))
    return Accuracy(evaluated_scores(group[0])["num_images"], tuple(top1), inside)


def gain_of(group: Sequence[RunFolder], baseline: Sequence[RunFolder]) -> Gain:
    """Return what runs bring against others, for the same seeds in the same order.

    Raises:
        RunError: a run is damaged, or saw other images than the one it is paired with.
    """
    _check_paired(group, baseline)
    top1, without, resolution = _top1(group), _top1(baseline), _resolution(group)
    differences = [one - other for one, other in zip(top1, without, strict=True)]
    # Both of a pair are rounded to one image: the variance of their difference is twice that of one.
    gain = mean_interval(differences, resolution=2**0.5 * resolution)
    p_value = paired_t(without, top1, resolution=resolution) if len(group) > 1 else None
    return Gain(gain.mean, _ends(gain), p_value)


def accuracy_texts(accuracy: Accuracy) -> list[str]:
    """Return two cells of a table: the mean, and its interval."""
    ends = accuracy.interval
    return [f"{fmean(accuracy.top1):.2%}", f"{ends[0]:.2%} to {ends[1]:.2%}" if ends else ""]


def gain_texts(gain: Gain | None) -> list[str]:
    """Return four cells of a table: points, their interval, p, the verdict; empty where there is no gain."""
    if gain is None:
        return [""] * 4
    ends, p_value = gain.interval, gain.p_value
    return [
        f"{100 * gain.difference:+.2f}",
        f"{100 * ends[0]:+.2f} to {100 * ends[1]:+.2f}" if ends else "",
        "" if p_value is None else "< 0.001" if p_value < 0.001 else f"{p_value:.3f}",
        gain.verdict,
    ]


def _check_paired(group: Sequence[RunFolder], baseline: Sequence[RunFolder]) -> None:
    for one, other in zip(group, baseline, strict=True):
        images = [
            (folder.environment["data"]["train"]["fingerprint"], evaluated_scores(folder)["fingerprint"])
            for folder in (one, other)
        ]
        if one.config.seed != other.config.seed or images[0] != images[1]:
            raise RunError(f"{one.path}: its seed or its images are not those of {other.path}.")


def _resolution(group: Sequence[RunFolder]) -> float:
    return 1 / evaluated_scores(group[0])["num_images"]


def _top1(group: Sequence[RunFolder]) -> list[float]:
    return [evaluated_scores(folder)["top1"] for folder in group]


def _ends(interval: Interval) -> tuple[float, float] | None:
    if interval.low is None or interval.high is None:
        return None
    return interval.low, interval.high
