"""The sentences of a report that say what came out: who is best, and who is told apart from whom."""

from cnnlab.evaluation import NetworkResult
from cnnlab.evaluation.comparison import OVER_SEEDS
from cnnlab.evaluation.paired import MIN_SEEDS_FOR_T, PAIRED_T
from cnnlab.reporting.report.facts import Facts
from cnnlab.reporting.report.writing import duration, interval, p_value, percent, points, verdict_key
from cnnlab.reporting.text import Text


def summary(facts: Facts, text: Text) -> list[str]:
    """Return what came out, in a few sentences."""
    results = facts.comparison.networks
    best, rivals = facts.comparison.best, facts.comparison.rivals
    common = {
        "num_images": f"{facts.comparison.num_images:,}",
        "data": facts.comparison.data,
        "top1": percent(best.mean_top1),
        "interval": interval(best.interval),
        "method": text("methods.t" if best.interval_method == OVER_SEEDS else "methods.wilson"),
    }
    key, name = ("summary.one", "network") if len(results) == 1 else ("summary.many", "best")
    sentences = [text(key, **{name: best.name}, **common)]
    if rivals is not None:
        worse = [result.name for result in results if result is not best and result.name not in rivals]
        key = "best_alone" if not rivals else "best_of_some" if worse else "best_with_rivals"
        sentences.append(text(f"summary.{key}", networks=text.names(rivals), worse=text.names(worse)))
    sentences += [verdict(result, results[0], text) for result in results[1:]]
    if len(results) > 1:
        if len(facts.comparison.hardware) == 1:  # elsewhere times cannot be compared
            fastest = min(results, key=lambda result: result.train_seconds)
            time = duration(fastest.train_seconds)
            sentences.append(text("summary.fastest", network=fastest.name, time=time))
        smallest = min(results, key=lambda result: result.num_parameters)
        parameters = f"{smallest.num_parameters:,}"
        sentences.append(text("summary.smallest", network=smallest.name, parameters=parameters))
    if len(facts.comparison.seeds) < MIN_SEEDS_FOR_T:
        sentences.append(text("summary.one_seed"))
    return sentences


def verdict(result: NetworkResult, first: NetworkResult, text: Text) -> str:
    """Return how a network stands against the first one."""
    test = result.test
    if test is None:
        apart = points(result.mean_top1 - first.mean_top1)
        known = {"points": apart, "least": MIN_SEEDS_FOR_T}
        return text("summary.untested", network=result.name, first=first.name, **known)
    is_t = test.method == PAIRED_T
    seed = test.method.rpartition(" ")[2]
    return text(
        f"summary.{verdict_key(result)}",
        network=result.name,
        first=first.name,
        points=points(test.difference),
        p=p_value(test.p_holm),
        test=text("methods.paired_t") if is_t else text("methods.mcnemar", seed=seed),
    )
