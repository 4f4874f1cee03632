"""The report as Markdown: what a page says in words and tables, without its pictures."""

from collections.abc import Sequence

from cnnlab.reporting.grid import Table, table_markdown
from cnnlab.reporting.report import prose
from cnnlab.reporting.report.extras import Cover, Extras
from cnnlab.reporting.report.facts import Facts
from cnnlab.reporting.report.page import cost_rows, effects, train_commands
from cnnlab.reporting.report.text import Text


def markdown_report(facts: Facts, extras: Extras, cover: Cover, text: Text) -> str:
    """Return the report; arguments as `html_report` takes them."""
    about = " · ".join(part for part in (cover.course, cover.author, cover.date) if part)
    blocks = [f"# {cover.title or prose.title(facts, text)}", about]
    blocks += [_heading(text, "summary"), *prose.summary(facts, text), _results(facts, text)]
    blocks += [_heading(text, "setup"), f"**{prose.question(facts, text)}**", _list(prose.setup(facts, text))]
    blocks += [_heading(text, "data"), *prose.data(facts, text)]
    blocks.append(_heading(text, "networks"))
    for network in facts.networks:
        blocks += [f"### {network.name}", prose.why(network, text)]
        blocks.append(f"{prose.numbers(network, text)} {prose.paper(network, text)}")
        blocks.append(prose.settings(network, text))
    blocks.append(_heading(text, "classes"))
    for network in facts.networks:
        blocks += [
            f"### {network.name}",
            _classes(facts, network.recall, network.precision, network.f1, text),
        ]
        rows = [
            text(
                "results.confused_row",
                true=facts.class_names[true],
                predicted=facts.class_names[predicted],
                count=f"{count:.1f}",
            )
            for true, predicted, count in network.confused
        ]
        blocks.append(_list(rows) if rows else text("results.no_mistakes", network=network.name))
    blocks += [_heading(text, "cost"), _costs(facts, text)]
    blocks += [_heading(text, "threats"), _list(prose.threats(facts, text))]
    blocks += [_heading(text, "reproduce"), "```\n" + "\n".join(train_commands(facts)) + "\n```"]
    return "\n\n".join(block for block in blocks if block) + "\n"


def results_table(facts: Facts, text: Text) -> tuple[list[str], list[list[str]]]:
    """Return the header and a row for each network: accuracy, interval, the test against the first."""
    keys = ("network", "top1", "interval", "against", "p", "effect")
    d = effects(facts)
    rows = []
    for result in facts.comparison.networks:
        against, p = text("results.first"), ""
        if result.test is not None:
            points = text("results.points", points=prose.points(result.test.difference))
            against = f"{points}: {text(f'results.verdict_{prose.verdict_key(result)}')}"
            p = prose.p_value(result.test.p_value)
        row = [result.name, prose.percent(result.mean_top1), prose.interval(result), against, p]
        rows.append([*row, d.get(result.name, "")])
    return [text(f"results.{key}") for key in keys], rows


def costs_table(facts: Facts, text: Text) -> tuple[list[str], list[list[str]]]:
    """Return the header and a row for each network: size, time, memory."""
    header = [text("cost.network"), text("networks.parameters"), text("networks.macs")]
    header += [text(f"cost.{key}") for key in ("epoch", "training", "memory", "size")]
    rows = [[row.name, *(shown for _, shown in row.cells)] for row in cost_rows(facts, text)]
    return header, rows


def _heading(text: Text, section: str) -> str:
    return f"## {text(f'sections.{section}')}"


def _list(sentences: Sequence[str]) -> str:
    return "\n".join(f"- {sentence}" for sentence in sentences)


def _results(facts: Facts, text: Text) -> str:
    header, rows = results_table(facts, text)
    return table_markdown(Table(header, rows, "<>>>>>")).strip()


def _costs(facts: Facts, text: Text) -> str:
    header, rows = costs_table(facts, text)
    return table_markdown(Table(header, rows, "<" + ">" * (len(header) - 1))).strip()


def _classes(
    facts: Facts,
    recall: Sequence[float | None],
    precision: Sequence[float | None],
    f1: Sequence[float | None],
    text: Text,
) -> str:
    header = [text("data.class"), *(text(f"results.{key}") for key in ("recall", "precision", "f1"))]
    rows = [
        [name, *("-" if value is None else prose.percent(value) for value in values)]
        for name, *values in zip(facts.class_names, recall, precision, f1, strict=True)
    ]
    return table_markdown(Table(header, rows, "<>>>")).strip()
