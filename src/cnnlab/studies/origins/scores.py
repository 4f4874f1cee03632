"""One published figure against three runs: accuracies, the chance in them, and what may be said."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from cnnlab.errors import RunError
from cnnlab.evaluation import NetworkResult, compare_runs, next_interval, wilson_interval
from cnnlab.runs import RunFolder
from cnnlab.studies.origins.rows import NUM_TEST_IMAGES, Origin

OVER_SEEDS, OVER_IMAGES = "one more seed", "images"
MIN_SEEDS = 3
WIDEST = 0.25
"""Of the range where one more run would lie, in accuracy: over this, nearly every figure is compatible."""
QUICK = "quick: not to be compared"


@dataclass(frozen=True)
class FirstImages:
    """What runs are worth on the first test images.

    Attributes:
        num_images: how many.
        top1: of each run, as a fraction.
        mean_top1: their mean.
        low: lower end of where one more run lies, 95 %; of a single run, by chance over images.
        high: upper end.
        method: `one more seed` or `images`.
    """

    num_images: int
    top1: tuple[float, ...]
    mean_top1: float
    low: float
    high: float
    method: str


@dataclass(frozen=True)
class Scores:
    """One row of the study.

    Attributes:
        origin: what was published.
        faithful_first: the faithful runs on the images of the original.
        ours_first: those trained well, on the same.
        faithful: the faithful runs on all test images.
        ours: those trained well on all, tested against the faithful ones.
        is_compatible: whether the published figure can be one more faithful run; None where there is none,
            the runs are quick, too few, or too far apart to tell.
        verdict: the same in words.
    """

    origin: Origin
    faithful_first: FirstImages
    ours_first: FirstImages
    faithful: NetworkResult
    ours: NetworkResult
    is_compatible: bool | None
    verdict: str

    def as_dict(self) -> dict[str, Any]:
        """Return the row for JSON: fractions."""
        origin, test = self.origin, self.ours.test
        assert test is not None
        return {
            "name": origin.name,
            "what": origin.what,
            "recipes": {"faithful": f"{origin.recipe}-faithful", "ours": origin.recipe},
            "published": list(origin.published) if origin.published else None,
            "is_compatible": self.is_compatible,
            "verdict": self.verdict,
            "first_images": {
                "num_images": self.faithful_first.num_images,
                "faithful": _first_as_dict(self.faithful_first),
                "ours": _first_as_dict(self.ours_first),
            },
            "all_images": {
                "num_images": NUM_TEST_IMAGES,
                "faithful": _all_as_dict(self.faithful),
                "ours": _all_as_dict(self.ours),
                "difference": test.difference,
                "p_value": test.p_value,
                "method": test.method,
            },
        }


def score_origin(
    origin: Origin, faithful: Sequence[RunFolder], ours: Sequence[RunFolder], *, quick: bool = False
) -> Scores:
    """Work out one row from evaluated runs of the same seeds; quick ones are not judged.

    Raises:
        RunError: a run is damaged, or was tested on other images than MNIST's 10,000.
    """
    as_theirs, trained_well = compare_runs({origin.faithful: faithful, origin.ours: ours}).networks
    first, ours_first = (first_images(group, origin.num_images) for group in (faithful, ours))
    is_compatible, verdict = (None, QUICK) if quick else judge(origin.published, first)
    return Scores(origin, first, ours_first, as_theirs, trained_well, is_compatible, verdict)


def first_images(folders: Sequence[RunFolder], num_images: int) -> FirstImages:
    """Score runs on the first test images, from eval.json alone.

    Raises:
        RunError: a run was scored on other images.
    """
    top1 = [_top1_on_first(folder, num_images) for folder in folders]
    if len(top1) > 1:
        method, interval = OVER_SEEDS, next_interval(top1, resolution=1 / num_images)
    else:
        method, interval = OVER_IMAGES, wilson_interval(round(top1[0] * num_images), num_images)
    assert interval.low is not None and interval.high is not None
    low, high = max(0.0, interval.low), min(1.0, interval.high)
    return FirstImages(num_images, tuple(top1), fmean(top1), low, high, method)


def _top1_on_first(folder: RunFolder, num_images: int) -> float:
    scores = folder.evaluation or {}
    for one in (scores, scores.get("first") or {}):
        if one.get("num_images") == num_images:
            return one["top1"]
    raise RunError(
        f"{folder.path}: eval.json does not hold the score on the first {num_images:,} test images. "
        f"Train it again with --set evaluation.first={num_images}."
    )


def judge(published: tuple[float, float] | None, faithful: FirstImages) -> tuple[bool | None, str]:
    """Say whether a published figure is compatible with ours.

    The rule: it is if it, or a part of its range, lies where one more faithful run would lie. Where runs
    differ so widely that nearly every figure would be, it is not judged. That it is compatible does not
    show that it was come by alike.

    Args:
        published: lowest and highest figure, as fractions.
        faithful: our runs of the same training on the same images.
    """
    if published is None:
        return None, "no figure published"
    if len(faithful.top1) < MIN_SEEDS:
        return None, f"fewer than {MIN_SEEDS} seeds do not tell"
    lowest, highest = published
    if lowest > faithful.high:
        return False, f"no: faithful is {100 * (lowest - faithful.mean_top1):.2f} points lower"
    if highest < faithful.low:
        return False, f"no: faithful is {100 * (faithful.mean_top1 - highest):.2f} points higher"
    is_wide = faithful.high - faithful.low > WIDEST
    verdict = "too wide to tell" if is_wide else "compatible"
    if lowest > max(faithful.top1):
        verdict += "; above all runs"
    elif highest < min(faithful.top1):
        verdict += "; below all runs"
    return None if is_wide else True, verdict


def _first_as_dict(scores: FirstImages) -> dict[str, Any]:
    interval = {"low": scores.low, "high": scores.high, "interval_of": scores.method}
    return {"top1": list(scores.top1), "mean_top1": scores.mean_top1, **interval}


def _all_as_dict(result: NetworkResult) -> dict[str, Any]:
    low, high = result.interval
    interval = {"low": low, "high": high, "interval_of": result.interval_method}
    cost = {"seconds_per_epoch": result.seconds_per_epoch}
    return {"top1": list(result.top1), "mean_top1": result.mean_top1, **interval, **cost}
