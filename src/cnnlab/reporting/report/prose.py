"""The sentences of a report, made of its facts: the same for the page, the slides and Markdown."""

from collections.abc import Sequence

from cnnlab.evaluation import ONE_VIEW, NetworkResult, wilson_interval
from cnnlab.evaluation.comparison import MIN_SEEDS_FOR_T, OVER_SEEDS, PAIRED_T
from cnnlab.reporting.report.facts import Facts, NetworkFacts
from cnnlab.reporting.report.text import Text

FAMILIES = ("preact_resnet", "resnet", "googlenet", "alexnet", "lenet", "convnet")


def percent(share: float, *, digits: int = 2) -> str:
    """Return a share in per cent."""
    return f"{share:.{digits}%}"


def p_value(p: float) -> str:
    """Return a p value as papers write it."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def points(difference: float) -> str:
    """Return a difference of shares in percentage points, with its sign."""
    return f"{100 * difference:+.2f}"


def interval(result: NetworkResult) -> str:
    """Return the ends of a network's interval."""
    return " – ".join(map(percent, result.interval))  # noqa: RUF001 # the dash of ranges


def title(facts: Facts, text: Text) -> str:
    """Return what the report is called if nobody says otherwise."""
    names = text.join([network.name for network in facts.networks])
    return text("page.title", networks=names, data=facts.comparison.data)


def question(facts: Facts, text: Text) -> str:
    """Return what is asked."""
    names = [network.name for network in facts.networks]
    data = facts.comparison.data
    if len(names) == 1:
        return text("setup.question_one", network=names[0], data=data)
    return text("setup.question_many", networks=text.join(names), data=data)


def summary(facts: Facts, text: Text) -> list[str]:
    """Return what came out, in a few sentences."""
    results = facts.comparison.networks
    best = max(results, key=lambda result: result.mean_top1)
    common = {
        "num_images": f"{facts.comparison.num_images:,}",
        "data": facts.comparison.data,
        "top1": percent(best.mean_top1),
        "interval": interval(best),
        "method": best.interval_method,
    }
    key, name = ("summary.one", "network") if len(results) == 1 else ("summary.many", "best")
    sentences = [text(key, **{name: best.name}, **common)]
    for result in results[1:]:
        sentences.append(verdict(result, results[0], text))
    if len(facts.comparison.seeds) < MIN_SEEDS_FOR_T:
        sentences.append(text("summary.one_seed"))
    return sentences


def verdict(result: NetworkResult, first: NetworkResult, text: Text) -> str:
    """Return how a network stands against the first one."""
    test = result.test
    assert test is not None
    return text(
        f"summary.{verdict_key(result)}",
        network=result.name,
        first=first.name,
        points=points(test.difference),
        p=p_value(test.p_value),
        test=test.method,
    )


def verdict_key(result: NetworkResult) -> str:
    """Return `better`, `worse` or `equal`."""
    test = result.test
    assert test is not None
    if test.verdict == "cannot be told apart":
        return "equal"
    return "better" if test.difference > 0 else "worse"


def setup(facts: Facts, text: Text) -> list[str]:
    """Return how it was found out."""
    comparison = facts.comparison
    seeds = text.join([str(seed) for seed in comparison.seeds])
    num = len(comparison.seeds)
    sentences = [
        text("setup.trained" if num > 1 else "setup.trained_once", num_seeds=num, seeds=seeds),
        text("setup.selection"),
        text(
            "setup.intervals_seeds"
            if comparison.networks[0].interval_method == OVER_SEEDS
            else "setup.intervals_images"
        ),
    ]
    tests = {result.test.method for result in comparison.networks if result.test}
    if tests:
        sentences.append(text("setup.tests_seeds" if tests == {PAIRED_T} else "setup.tests_images"))
    if comparison.views != ONE_VIEW:
        sentences.append(text("setup.views", views=comparison.views))
    sentences.append(text("setup.hardware", hardware="; ".join(comparison.hardware)))
    for folder, step, steps in facts.unfinished:
        key = "setup.unfinished" if steps is None else "setup.unfinished_of"
        sentences.append(text(key, run=folder.name, path=folder.path, step=step, steps=steps))
    return sentences


def data(facts: Facts, text: Text) -> list[str]:
    """Return what the images are."""
    first = facts.networks[0]
    colour = text("data.grey" if first.in_channels == 1 else "data.colour")
    counts = {split: f"{num:,}" for split, num in facts.splits.items()}
    return [
        text(
            "data.counts",
            data=facts.comparison.data,
            num_classes=len(facts.class_names),
            **{split: counts.get(split, "?") for split in ("train", "val", "test")},
        ),
        text("data.size", size=f"{first.image_size} x {first.image_size}", colour=colour),
    ]


def why(network: NetworkFacts, text: Text) -> str:
    """Return why a network is built as it is."""
    family = next((name for name in FAMILIES if network.network.startswith(name)), "")
    return text(f"networks.{family}") if family else ""


def numbers(network: NetworkFacts, text: Text) -> str:
    """Return how large a network is."""
    return text(
        "networks.numbers",
        parameters=f"{network.layers.parameters:,}",
        macs=f"{network.layers.macs / 1e6:,.1f}",
        size=f"{network.file_bytes / 1e6:,.1f}",
    )


def settings(network: NetworkFacts, text: Text) -> str:
    """Return how a network was trained."""
    parts = [f"{place.split('.')[1]} = {value}" for place, value in network.settings.items()]
    return text(
        "networks.settings",
        epochs=f"{network.epochs:g}",
        steps=f"{network.steps:,}",
        settings=text.join(parts),
    )


def paper(network: NetworkFacts, text: Text) -> str:
    """Return where a network comes from."""
    if network.paper:
        return text("networks.paper", paper=network.paper, year=network.year)
    return text("networks.no_paper", year=network.year)


def threats(facts: Facts, text: Text) -> list[str]:
    """Return what speaks against taking the result for more than it is."""
    comparison = facts.comparison
    num = len(comparison.seeds)
    sentences = [text("threats.seeds" if num >= MIN_SEEDS_FOR_T else "threats.few_seeds", num_seeds=num)]
    uncertain = max(_half_width(result.top1, comparison.num_images) for result in comparison.networks)
    sentences.append(
        text("threats.test_set", num_images=f"{comparison.num_images:,}", points=f"{100 * uncertain:.2f}")
    )
    sentences.append(text("threats.one_data"))
    if len(facts.networks) > 1:
        sentences.append(text("threats.tuning"))
    steps = {network.steps for network in facts.networks}
    if len(steps) > 1:
        each = [f"{network.name}: {network.steps:,}" for network in facts.networks]
        sentences.append(text("threats.unequal", steps=text.join(each)))
    if len(comparison.hardware) > 1:
        sentences.append(text("threats.hardware_differs"))
    if len(comparison.commits) > 1:
        sentences.append(
            text("threats.commits_differ", commits=text.join([c[:12] for c in comparison.commits]))
        )
    return sentences


def _half_width(top1: Sequence[float], num_images: int) -> float:
    halves = []
    for share in top1:
        ends = wilson_interval(round(share * num_images), num_images)
        assert ends.low is not None and ends.high is not None
        halves.append((ends.high - ends.low) / 2)
    return max(halves)
