"""A network tested against another one: over seeds if there are enough, else over images."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from cnnlab.evaluation.statistics import SIGNIFICANCE, mcnemar, paired_t
from cnnlab.evaluation.stored import load_predictions
from cnnlab.runs import RunFolder

MIN_SEEDS_FOR_T = 3
PAIRED_T, MCNEMAR = "paired t over seeds", "McNemar over images"


@dataclass(frozen=True)
class PairedTest:
    """A network against the first one.

    Attributes:
        difference: of what was tested, as a fraction: mean top1 by t, one seed's top1 by McNemar; positive
            if this network's is higher.
        p_value: two-sided, of this pair by itself.
        method: `paired t over seeds`, or `McNemar over images, seed 0` (exact, of the two runs of the first
            seed whose answers are stored).
        verdict: what that means in words.
    """

    difference: float
    p_value: float
    method: str
    verdict: str


def against(
    runs: tuple[Sequence[RunFolder], Sequence[RunFolder]],
    top1: tuple[Sequence[float], Sequence[float]],
    *,
    num_images: int,
    must_test: bool,
) -> PairedTest | None:
    """Test a network against the first one.

    Args:
        runs: of the first and of this network, with the same seeds in the same order.
        top1: of each of them, as fractions.
        num_images: how many test images there are.
        must_test: whether to refuse runs that cannot be tested.

    Returns:
        The test; None where seeds are few and no two runs of one seed have their answers stored.

    Raises:
        RunError: stored answers are damaged; or, with `must_test`, no test can be made.
    """
    first, this = top1
    if len(this) >= MIN_SEEDS_FOR_T:
        difference, p_value = fmean(this) - fmean(first), paired_t(first, this, resolution=1 / num_images)
        return PairedTest(difference, p_value, PAIRED_T, _in_words(difference, p_value, "better", "worse"))
    # One pair of runs says nothing of other seeds, so it must not say that a network is better.
    pairs = list(zip(*runs, strict=True))
    stored = [at for at, pair in enumerate(pairs) if all(run.predictions.exists() for run in pair)]
    if not stored and not must_test:
        return None
    at = stored[0] if stored else 0
    correct = [load_predictions(run).is_correct.tolist() for run in pairs[at]]
    difference, p_value = this[at] - first[at], mcnemar(*correct)
    words = _in_words(difference, p_value, "higher in this run", "lower in this run")
    return PairedTest(difference, p_value, f"{MCNEMAR}, seed {pairs[at][0].config.seed}", words)


def _in_words(difference: float, p_value: float, higher: str, lower: str) -> str:
    if p_value >= SIGNIFICANCE or difference == 0:
        return "cannot be told apart"
    return higher if difference > 0 else lower
