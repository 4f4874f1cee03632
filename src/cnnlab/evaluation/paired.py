"""Networks tested against each other: over seeds if there are enough, else over images."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from cnnlab.evaluation.statistics import SIGNIFICANCE, holm, mcnemar, paired_t
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
        p_holm: the same by Holm's method, for as many networks as are tested against the first.
        method: `paired t over seeds`, or `McNemar over images, seed 0` (exact, of the two runs of the first
            seed whose answers are stored).
        verdict: what `p_holm` means in words.
    """

    difference: float
    p_value: float
    p_holm: float
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
        The test, by itself; None where seeds are few and no two runs of one seed have their answers stored.

    Raises:
        RunError: stored answers are damaged; or, with `must_test`, no test can be made.
    """
    first, this = top1
    if len(this) >= MIN_SEEDS_FOR_T:
        difference, p_value = fmean(this) - fmean(first), paired_t(first, this, resolution=1 / num_images)
        return _tested(difference, p_value, PAIRED_T)
    # One pair of runs says nothing of other seeds, so it must not say that a network is better.
    pairs = list(zip(*runs, strict=True))
    stored = [at for at, pair in enumerate(pairs) if all(run.predictions.exists() for run in pair)]
    if not stored and not must_test:
        return None
    at = stored[0] if stored else 0
    correct = [load_predictions(run).is_correct.tolist() for run in pairs[at]]
    difference, p_value = this[at] - first[at], mcnemar(*correct)
    return _tested(difference, p_value, f"{MCNEMAR}, seed {pairs[at][0].config.seed}")


def as_family(tests: Sequence[PairedTest | None]) -> list[PairedTest | None]:
    """Return tests that are read together, with their p values by Holm's method and what these mean."""
    adjusted = iter(holm([test.p_value for test in tests if test]))
    family: list[PairedTest | None] = []
    for test in tests:
        p_holm = next(adjusted) if test else 1.0
        family.append(
            test and replace(test, p_holm=p_holm, verdict=_in_words(test.difference, p_holm, test.method))
        )
    return family


def rivals_of_best(top1: Sequence[Sequence[float]], *, num_images: int) -> list[int] | None:
    """Return which networks cannot be told apart from the one with the highest mean.

    Who is best is known only after a look at the figures. So it is tested against each of the others, and p
    values are Holm's for so many tests: a network is the best of all if it stands all of these comparisons.

    Args:
        top1: of each network, one value for each seed, in the same order.
        num_images: how many test images there are.

    Returns:
        Their places, in order; None with fewer than three seeds, or with two networks, whose one pair is
        tested anyway.

    Source: J. C. Hsu, Ann. Statist. 9, 1026-1034, 1981, for comparisons with the best; here by paired t.
    """
    if len(top1) < 3 or len(top1[0]) < MIN_SEEDS_FOR_T:
        return None
    best = max(range(len(top1)), key=lambda at: fmean(top1[at]))
    others = [at for at in range(len(top1)) if at != best]
    p_values = holm([paired_t(top1[best], top1[at], resolution=1 / num_images) for at in others])
    return [at for at, p_value in zip(others, p_values, strict=True) if p_value >= SIGNIFICANCE]


def _tested(difference: float, p_value: float, method: str) -> PairedTest:
    return PairedTest(difference, p_value, p_value, method, _in_words(difference, p_value, method))


def _in_words(difference: float, p_value: float, method: str) -> str:
    if p_value >= SIGNIFICANCE or difference == 0:
        return "cannot be told apart"
    if method == PAIRED_T:
        return "better" if difference > 0 else "worse"
    return "higher in this run" if difference > 0 else "lower in this run"
