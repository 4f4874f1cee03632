"""The tables of a report, made of its facts: the same for the page, the slides and Markdown."""

import math

from cnnlab.evaluation import NetworkResult, mean_interval
from cnnlab.evaluation.paired import MIN_SEEDS_FOR_T, PAIRED_T
from cnnlab.reporting.report.extras import Extras
from cnnlab.reporting.report.facts import Facts, NetworkFacts
from cnnlab.reporting.report.table import Cell, ReportTable, nothing, number
from cnnlab.reporting.report.writing import duration, interval, p_value, percent, points, verdict_key
from cnnlab.reporting.text import Text

SPLITS = ("train", "val", "test")


def counts_table(facts: Facts, extras: Extras, text: Text) -> ReportTable:
    """Return the images of each class: of the test always, of the others where the data is at hand."""
    counts = {**extras.data.counts, "test": facts.class_counts}
    splits = [split for split in SPLITS if split in counts]
    rows = [
        [Cell(name), *(number(counts[split][index]) for split in splits)]
        for index, name in enumerate(facts.class_names)
    ]
    return ReportTable([text("data.class"), *(text(f"data.{split}") for split in splits)], rows)


def settings_table(facts: Facts, text: Text) -> ReportTable:
    """Return how each network was trained: settings by their names in config.toml."""
    networks = facts.networks
    rows = []
    if any(network.recipe for network in networks):
        rows.append([Cell(text("networks.recipe")), *(Cell(network.recipe or "–") for network in networks)])  # noqa: RUF001
    rows.append([Cell(text("networks.epochs")), *(Cell(f"{network.epochs:.3g}") for network in networks)])
    rows.append([Cell(text("networks.steps")), *(Cell(f"{network.steps:,}") for network in networks)])
    for place in dict.fromkeys(place for network in networks for place in network.settings):
        rows.append([Cell(place), *(Cell(_setting(network.settings.get(place))) for network in networks)])
    return ReportTable([text("networks.setting"), *(network.name for network in networks)], rows)


def reached_table(facts: Facts, text: Text) -> ReportTable:
    """Return how long each network takes to an accuracy that all reach, and the time of an epoch."""
    rows = []
    for network in facts.networks:
        best = max((point[3] for curve in network.curves for point in curve.val), default=None)
        epochs, seconds = network.reached or (None, None)
        rows.append(
            [
                Cell(network.name),
                nothing() if epochs is None else number(epochs, ".3g"),
                nothing() if seconds is None else Cell(duration(seconds), seconds),
                _epoch(network, text),
                nothing() if best is None else Cell(percent(best), best),
            ]
        )
    header = [text(f"training.{key}") for key in ("network", "epochs", "seconds", "epoch", "best")]
    return ReportTable(header, rows)


def results_table(facts: Facts, text: Text) -> ReportTable:
    """Return accuracy and interval of each network, and the test against the first."""
    first, *others = facts.comparison.networks
    has_t = len(first.top1) >= MIN_SEEDS_FOR_T
    has_p = any(result.test for result in others)
    keys = ["network", "top1", "interval"]
    if others:
        keys += ["difference", *(["difference_interval"] if has_t else []), *(["p"] if has_p else [])]
        keys += [*(["effect"] if has_t else []), "against"]
    rows = []
    for result in facts.comparison.networks:
        row = [Cell(result.name), Cell(percent(result.mean_top1), result.mean_top1)]
        row.append(Cell(interval(result.interval), result.interval[0]))
        if others:
            row += _against(result, first, 1 / facts.comparison.num_images, text, has_t=has_t, has_p=has_p)
        rows.append(row)
    return ReportTable([text(f"results.{key}") for key in keys], rows)


def _against(
    result: NetworkResult, first: NetworkResult, unit: float, text: Text, *, has_t: bool, has_p: bool
) -> list[Cell]:
    if result is first:
        # Its difference to itself is 0, but it has no p: by that it comes last.
        tested = [Cell("", math.inf)] if has_p else []
        own = [Cell("", 0.0)] * (1 + has_t), tested, [Cell("", 0.0)] * has_t
        return [*(cell for cells in own for cell in cells), Cell(text("results.first"))]
    test = result.test
    difference = test.difference if test else result.mean_top1 - first.mean_top1
    words = points(difference)
    if test and test.method != PAIRED_T and len(result.top1) > 1:  # not the difference of the means
        words = text("results.of_seed", points=words, seed=test.method.rpartition(" ")[2])
    cells = [Cell(words, difference)]
    if has_t:
        differences = [mine - theirs for mine, theirs in zip(result.top1, first.top1, strict=True)]
        # The spread of a difference is that of two roundings, as in the test: both then say the same.
        ends = mean_interval(differences, resolution=unit * 2**0.5)
        assert ends.low is not None and ends.high is not None
        cells.append(Cell(f"{points(ends.low)} … {points(ends.high)}", ends.low))
    if has_p:
        cells.append(Cell(p_value(test.p_holm), test.p_holm) if test else nothing())
    if has_t:
        d = test.effect_size if test else None
        cells.append(nothing() if d is None else Cell(f"{d:+.1f}", d))
    return [*cells, Cell(text(f"results.verdict_{verdict_key(result)}"))]


def seeds_table(facts: Facts, text: Text) -> ReportTable:
    """Return the test accuracy of each run, and of all seeds together where their answers were kept."""
    results = facts.comparison.networks
    header = [text("results.network"), *(text("results.seed", seed=seed) for seed in facts.comparison.seeds)]
    rows = [[Cell(result.name), *(Cell(percent(top1), top1) for top1 in result.top1)] for result in results]
    if has_ensembles(facts):
        header.append(text("results.together"))
        for row, result in zip(rows, results, strict=True):
            one = result.ensemble
            row.append(nothing() if one is None else Cell(percent(one.top1), one.top1))
    return ReportTable(header, rows)


def has_ensembles(facts: Facts) -> bool:
    """Tell whether it is known of some network what its seeds answer together."""
    return any(result.ensemble for result in facts.comparison.networks)


def images_table(facts: Facts, text: Text) -> ReportTable:
    """Return on how many images each run and that of the first network are not right together."""
    first = facts.networks[0].name
    header = [text("results.network"), text("reproduce.seed"), text("results.only_first", first=first)]
    rows = [
        [
            Cell(network.name),
            number(one.seed, "d"),
            number(one.only_first),
            number(one.only_this),
            Cell(p_value(one.p_value), one.p_value),
        ]
        for network in facts.networks
        for one in network.disagreements
    ]
    return ReportTable([*header, text("results.only_this"), text("results.p")], rows)


def calibration_table(facts: Facts, extras: Extras, text: Text) -> ReportTable:
    """Return how far each network's confidence is off, and what a temperature does to that."""
    seed = facts.networks[0].curves[0].seed
    has_temperature = any(extras.of(network.name).temperature for network in facts.networks)
    header = [text("results.network"), text("calibration.ece"), text("calibration.loss")]
    if has_temperature:
        header += [text("calibration.temperature"), text("calibration.before", seed=seed)]
        header.append(text("calibration.after", seed=seed))
    rows = []
    for network in facts.networks:
        row = [Cell(network.name), Cell(percent(network.ece), network.ece), number(network.loss, ".4f")]
        fitted = extras.of(network.name).temperature
        if fitted:
            row.append(number(fitted.value, ".2f"))
            row += [Cell(percent(value), value) for value in (fitted.ece_before, fitted.ece_after)]
        elif has_temperature:
            row += [nothing()] * 3
        rows.append(row)
    return ReportTable(header, rows)


def costs_table(facts: Facts, extras: Extras, text: Text) -> ReportTable:
    """Return what each network costs: size, time, memory, latency."""
    rows = []
    for network, result in zip(facts.networks, facts.comparison.networks, strict=True):
        latency = extras.of(network.name).latency
        row = [Cell(network.name), number(result.num_parameters)]
        row.append(number(network.shape.layers.macs / 1e6, ",.1f") if network.shape else nothing())
        row += [_epoch(network, text), Cell(duration(result.train_seconds), result.train_seconds)]
        row.append(Cell(f"{result.peak_memory_bytes / 1e6:,.0f}", float(result.peak_memory_bytes)))
        size = network.file_bytes
        row.append(nothing() if size is None else Cell(f"{size / 1e6:,.1f}", float(size)))
        if latency is None:
            row.append(nothing())
        else:
            middle = f"{latency.low:.2f}–{latency.high:.2f}"  # noqa: RUF001 # the dash of ranges
            row.append(Cell(f"{latency.milliseconds:.2f} ({middle})", latency.milliseconds))
        rows.append(row)
    keys = ("macs", "epoch", "training", "memory", "size", "latency")
    header = [text("cost.network"), text("networks.parameters"), *(text(f"cost.{key}") for key in keys)]
    return ReportTable(header, rows)


def runs_table(facts: Facts, hashes: dict[str, str], text: Text) -> ReportTable:
    """Return every run with its seed, its score and the sum of its weights."""
    rows = [
        [
            Cell(folder.name),
            number(folder.config.seed, "d"),
            Cell(percent(top1), top1),
            Cell(hashes.get(folder.name) or text("reproduce.gone")),
        ]
        for network, result in zip(facts.networks, facts.comparison.networks, strict=True)
        for folder, top1 in zip(network.folders, result.top1, strict=True)
    ]
    header = [text("reproduce.run"), text("reproduce.seed"), text("results.top1"), text("reproduce.hash")]
    return ReportTable(header, rows)


def bins_table(facts: Facts, text: Text) -> ReportTable:
    """Return the bins of the reliability chart in numbers."""
    rows = [
        [
            Cell(network.name),
            Cell(percent(part.confidence), part.confidence),
            Cell(percent(part.accuracy or 0.0), part.accuracy),
            number(part.num_images),
        ]
        for network in facts.networks
        for part in network.bins
        if part.confidence is not None
    ]
    keys = ("calibration.bin", "calibration.right", "calibration.images")
    return ReportTable([text("results.network"), *map(text, keys)], rows)


def _epoch(network: NetworkFacts, text: Text) -> Cell:
    mean, spread = network.epoch_seconds
    if spread is None:
        return Cell(duration(mean), mean)
    unit, by = ("s", 1) if mean < 100 else ("min", 60)
    words = text("cost.seconds_spread", mean=f"{mean / by:.3g}", spread=f"{spread / by:.2g}")
    return Cell(f"{words} {unit}", mean)


def _setting(value: object) -> str:
    return "–" if value is None else f"{value:g}" if isinstance(value, float) else str(value)  # noqa: RUF001
