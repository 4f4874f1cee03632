"""The sentences on what speaks against taking a report's result for more than it is."""

from collections.abc import Sequence

from cnnlab.evaluation import t_factor, wilson_interval
from cnnlab.evaluation.comparison import OVER_SEEDS
from cnnlab.evaluation.paired import MIN_SEEDS_FOR_T
from cnnlab.reporting.report.facts import Facts
from cnnlab.reporting.report.prose import commits, runs_at_once
from cnnlab.reporting.text import Text


def threats(facts: Facts, text: Text) -> list[str]:
    """Return what speaks against taking the result for more than it is."""
    comparison = facts.comparison
    num = len(comparison.seeds)
    if num >= MIN_SEEDS_FOR_T:
        sentences = [text("threats.seeds", num_seeds=num, factor=f"{t_factor(num):.1f}")]
    else:
        sentences = [text("threats.few_seeds", num_seeds=num)]
    uncertain = max(_half_width(result.top1, comparison.num_images) for result in comparison.networks)
    over_seeds = comparison.networks[0].interval_method == OVER_SEEDS
    known = {"num_images": f"{comparison.num_images:,}", "points": f"{100 * uncertain:.2f}"}
    # Intervals over images are this very uncertainty; those over seeds are another.
    sentences.append(text("threats.test_set" if over_seeds else "threats.test_set_alone", **known))
    sentences.append(text("threats.one_data"))
    if len(facts.networks) > 1:
        sentences.append(text("threats.tuning"))
    sentences.append(text("threats.images_once"))
    if len({network.steps for network in facts.networks}) > 1:
        each = [f"{network.name}{text.sign(': ')}{network.steps:,}" for network in facts.networks]
        sentences.append(text("threats.unequal", steps=text.join(each)))
    if len(comparison.hardware) > 1:
        sentences.append(text("threats.hardware_differs"))
    if runs_at_once(facts):
        sentences.append(text("threats.at_once"))
    if len(comparison.commits) > 1:
        sentences.append(text("threats.commits_differ", commits=text.join(commits(facts))))
    return [*sentences, text("threats.explanations")]


def _half_width(top1: Sequence[float], num_images: int) -> float:
    halves = []
    for share in top1:
        ends = wilson_interval(round(share * num_images), num_images)
        assert ends.low is not None and ends.high is not None
        halves.append((ends.high - ends.low) / 2)
    return max(halves)
