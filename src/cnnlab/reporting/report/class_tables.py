"""The tables of a report about classes: how each is found, and which are taken for each other."""

from cnnlab.reporting.report.facts import Facts, NetworkFacts
from cnnlab.reporting.report.table import Cell, ReportTable, nothing, number
from cnnlab.reporting.report.writing import percent
from cnnlab.reporting.text import Text


def classes_table(facts: Facts, network: NetworkFacts, text: Text) -> ReportTable:
    """Return recall, precision and F1 of each class."""
    rows = [
        [Cell(name), *(nothing() if value is None else Cell(percent(value), value) for value in values)]
        for name, *values in zip(
            facts.class_names, network.recall, network.precision, network.f1, strict=True
        )
    ]
    keys = ("recall", "precision", "f1")
    return ReportTable([text("data.class"), *(text(f"results.{key}") for key in keys)], rows)


def confused_table(facts: Facts, text: Text, *, most: int) -> ReportTable:
    """Return the most frequent mistakes of each network."""
    rows = [
        [
            Cell(network.name),
            Cell(facts.class_names[true]),
            Cell(facts.class_names[said]),
            number(count, ".1f"),
        ]
        for network in facts.networks
        for true, said, count in network.confused[:most]
    ]
    header = [text("results.network"), text("charts.true"), text("charts.predicted"), text("results.times")]
    return ReportTable(header, rows)


def confusion_table(facts: Facts, network: NetworkFacts, text: Text) -> ReportTable:
    """Return a network's confusion matrix in numbers, of all seeds together: a row for each true class."""
    rows = [
        [Cell(name), *map(number, counts)]
        for name, counts in zip(facts.class_names, network.confusion.tolist(), strict=True)
    ]
    return ReportTable([f"{text('charts.true')} \\ {text('charts.predicted')}", *facts.class_names], rows)
