"""Networks tested against each other: over seeds if there are enough, else over images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from statistics import fmean

from cnnlab.evaluation.statistics import SIGNIFICANCE, effect_size, holm, mcnemar, paired_t
from cnnlab.evaluation.stored import load_predictions
from cnnlab.runs import RunFolder

MIN_SEEDS_FOR_T = 3
SAME = "cannot be told apart"
PAIRED_T, MCNEMAR = "paired t over seeds", "McNemar over images"


@dataclass(frozen=True)
class PairedTest:
    """A network against the first one.

    Attributes:
        difference: of what was tested, as a fraction: mean top1 by t, one seed's top1 by McNemar; positive
            if this network's is higher.
        p_value: two-sided, of this pair by itself.
        p_holm: the same by Holm's method, for all tests that are read together, see `as_family`.
        method: `paired t over seeds`, or `McNemar over images, seed 0` (exact, of the two runs of the first
            seed whose answers are stored).
        verdict: what `p_holm` means in words.
        effect_size: Cohen's d_z of the seeds; None of single runs.
    """

    difference: float
    p_value: float
    p_holm: float
    method: str
    verdict: str
    effect_size: float | None = None


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
        effect = effect_size(first, this, resolution=1 / num_images)
        return replace(_tested(difference, p_value, PAIRED_T), effect_size=effect)
    # One pair of runs says nothing of other seeds, so it must not say that a network is better.
    pairs = list(zip(*runs, strict=True))
    stored = [at for at, pair in enumerate(pairs) if all(run.predictions.exists() for run in pair)]
    if not stored and not must_test:
        return None
    at = stored[0] if stored else 0
    correct = [load_predictions(run).is_correct.tolist() for run in pairs[at]]
    difference, p_value = this[at] - first[at], mcnemar(*correct)
    return _tested(difference, p_value, f"{MCNEMAR}, seed {pairs[at][0].config.seed}")


@dataclass(frozen=True)
class Family:
    """The tests of a comparison, read together.

    Attributes:
        tests: of each network against the first, with Holm's p values and what they mean; None for the first
            and where none can be made.
        rivals: places of the networks that cannot be told apart from the one with the highest mean; None with
            fewer than three seeds, and of two networks, whose one pair is tested anyway.
        num_tests: how many p values were corrected together.
    """

    tests: list[PairedTest | None]
    rivals: list[int] | None
    num_tests: int


def as_family(
    tests: Sequence[PairedTest | None], top1: Sequence[Sequence[float]], *, num_images: int
) -> Family:
    """Correct tests for how many there are, by Holm's method.

    Over seeds all pairs of networks are one family. Which of them is best is known only after a look at the
    figures, and what is said of it must not contradict what is said of the pairs with the first one.

    Args:
        tests: of each network against the first, each by itself.
        top1: of each network, one value for each seed, in the same order.
        num_images: how many test images there are.
    """
    num = len(top1)
    if len(top1[0]) < MIN_SEEDS_FOR_T:
        made = [at for at, test in enumerate(tests) if test]
        corrected = dict(zip(made, holm([test.p_value for test in tests if test]), strict=True))
        return Family(_corrected(tests, corrected), None, len(made))
    pairs = list(combinations(range(num), 2))
    p_values = holm([paired_t(top1[one], top1[other], resolution=1 / num_images) for one, other in pairs])
    of_pair = {frozenset(pair): p_value for pair, p_value in zip(pairs, p_values, strict=True)}
    best = max(range(num), key=lambda at: fmean(top1[at]))
    others = [at for at in range(num) if at != best]
    rivals = [at for at in others if of_pair[frozenset((at, best))] >= SIGNIFICANCE] if num > 2 else None
    corrected = {at: of_pair[frozenset((0, at))] for at in range(1, num)}
    return Family(_corrected(tests, corrected), rivals, len(pairs))


def _corrected(tests: Sequence[PairedTest | None], p_values: Mapping[int, float]) -> list[PairedTest | None]:
    return [
        test
        and replace(test, p_holm=p_values[at], verdict=_in_words(test.difference, p_values[at], test.method))
        for at, test in enumerate(tests)
    ]


def _tested(difference: float, p_value: float, method: str) -> PairedTest:
    return PairedTest(difference, p_value, p_value, method, _in_words(difference, p_value, method))


def _in_words(difference: float, p_value: float, method: str) -> str:
    if p_value >= SIGNIFICANCE or difference == 0:
        return SAME
    if method == PAIRED_T:
        return "better" if difference > 0 else "worse"
    return "higher in this run" if difference > 0 else "lower in this run"
