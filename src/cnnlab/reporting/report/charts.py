"""The charts of a report, from its facts."""

import math
from collections.abc import Sequence

from cnnlab.reporting.report.facts import NetworkFacts
from cnnlab.reporting.report.svg import (
    Axis,
    Line,
    interval_chart,
    legend,
    line_chart,
    matrix_chart,
    round_ticks,
)
from cnnlab.reporting.text import Text

BEST_ERROR = 0.0005  # the end of an axis of errors
ERROR_TICKS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)


def accuracy_chart(networks: Sequence[NetworkFacts], text: Text, *, by: str) -> str:
    """Draw validation accuracy over `epoch` or `seconds`, a line per network and seed, by its error."""
    place = 0 if by == "epoch" else 1
    lines, errors, furthest = [], [], 0.0
    for series, network in enumerate(networks):
        for number, curve in enumerate(network.curves):
            points = []
            for point in curve.val:
                says = text(
                    "charts.point",
                    network=network.name,
                    seed=curve.seed,
                    epoch=f"{point[0]:.3g}",
                    seconds=f"{point[1]:,.0f}",
                    top1=f"{point[3]:.2%}",
                )
                points.append((point[place], point[3], says))
                errors.append(1 - point[3])
                furthest = max(furthest, point[place])
            label = network.name if number == 0 else ""
            lines.append(Line(label, points, series, is_faint=number > 0))
    x = _from_zero(text(f"charts.{by}"), furthest)
    y = _accuracy_axis(errors, text)
    chart = line_chart(lines, x, y, title=text("charts.accuracy_title", by=text(f"charts.{by}")))
    return chart + legend(lines)


def loss_chart(networks: Sequence[NetworkFacts], text: Text) -> str:
    """Draw training and validation loss over epochs, of the first seed of each network."""
    lines, values, furthest = [], [], 0.0
    for index, network in enumerate(networks):
        curve = network.curves[0]
        for part, points in enumerate((curve.train, curve.val)):
            of = text("charts.train" if part == 0 else "charts.val")
            of = network.name + text.sign(", ") + of
            marked = []
            for point in points:
                if point[2] > 0:
                    known = {"epoch": f"{point[0]:.3g}", "loss": f"{point[2]:.4f}"}
                    marked.append((point[0], point[2], text("charts.loss_point", of=of, **known)))
            # Training dotted, validation in full; a network has its colour in every chart.
            lines.append(Line(of, marked, index, dash=0 if part else 2))
            values += [point[1] for point in marked]
            furthest = max([furthest, *(point[0] for point in marked)])
    low, high = min(values, default=0.1), max(values, default=1.0)
    ticks = [
        factor * 10.0**power
        for power in range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 1)
        for factor in (1, 2, 5)
        if low * 0.8 <= factor * 10.0**power <= high * 1.25
    ]
    x = _from_zero(text("charts.epoch"), furthest)
    y = Axis(text("charts.loss"), low * 0.9, high * 1.1, ticks, lambda tick: f"{tick:g}", math.log)
    return line_chart(lines, x, y, title=text("charts.loss_title")) + legend(lines)


def intervals(networks: Sequence[tuple[str, float, float, float]], text: Text) -> str:
    """Draw each network's test accuracy with its interval: (name, mean, low, high)."""
    low, high = min(row[2] for row in networks), max(row[3] for row in networks)
    margin = max(0.05 * (high - low), 0.0005)
    low, high = max(0.0, low - margin), min(1.0, high + margin)
    ticks = round_ticks(low, high, most=5)
    digits = 2 if high - low < 0.02 else 1
    x = Axis(text("charts.top1"), low, high, ticks, lambda value: f"{100 * value:.{digits}f}")
    rows = text.join([f"{row[0]} {row[1]:.2%} ({row[2]:.2%}, {row[3]:.2%})" for row in networks])
    return interval_chart(networks, x, title=text("charts.interval_title", rows=rows))


def confusion_chart(network: NetworkFacts, class_names: Sequence[str], text: Text) -> str:
    """Draw a network's confusion matrix, of all seeds together."""
    title = text("charts.confusion_title", network=network.name)
    labels = text("charts.true"), text("charts.predicted")
    return matrix_chart(network.confusion.tolist(), class_names, title=title, labels=labels)


def reliability_chart(networks: Sequence[NetworkFacts], text: Text) -> str:
    """Draw accuracy against confidence; the diagonal is what a network should be."""
    ticks = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    percent = lambda tick: f"{100 * tick:.0f}"  # noqa: E731 # a name for two axes
    x = Axis(text("charts.confidence"), 0.0, 1.0, ticks, percent)
    y = Axis(text("charts.right"), 0.0, 1.0, ticks, percent)
    lines = []
    for series, network in enumerate(networks):
        points = [
            (
                part.confidence,
                part.accuracy,
                text(
                    "charts.bin",
                    network=network.name,
                    confidence=f"{part.confidence:.1%}",
                    accuracy=f"{part.accuracy:.1%}",
                    num=f"{part.num_images:,}",
                ),
            )
            for part in network.bins
            if part.confidence is not None and part.accuracy is not None
        ]
        lines.append(Line(network.name, points, series))
    diagonal = Line("", [(0.0, 0.0, ""), (1.0, 1.0, "")], 5, dash=1, is_faint=True)
    return line_chart([diagonal, *lines], x, y, title=text("charts.reliability_title")) + legend(lines)


def _from_zero(label: str, furthest: float) -> Axis:
    end = furthest or 1.0
    return Axis(label, 0.0, end, round_ticks(0.0, end), lambda tick: f"{tick:g}")


def _accuracy_axis(errors: Sequence[float], text: Text) -> Axis:
    """Return an axis of accuracies on which errors are logarithmic: near 100 % a tenth of a point is seen."""
    worst = max(errors, default=1.0)
    best = max(min(errors, default=0.1) * 0.8, BEST_ERROR)
    is_beyond = min(errors, default=1.0) < BEST_ERROR  # such points lie on the upper end
    worst = max(worst * 1.1, best * 2)
    ticks = [1 - tick for tick in ERROR_TICKS if best <= tick <= worst]
    return Axis(
        text("charts.val_top1"),
        1 - worst,
        1 - best,
        ticks,
        lambda value: ("≥ " if value >= 1 - best and is_beyond else "") + f"{100 * value:.5g}",
        lambda value: -math.log(max(1 - value, best)),
    )
