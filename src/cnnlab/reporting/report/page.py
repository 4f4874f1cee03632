"""The report as one HTML file that needs nothing else: pictures, style and script are inside."""

from collections.abc import Callable
from importlib.resources import files

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from cnnlab.reporting.answers import shown_prob
from cnnlab.reporting.report import charts, class_tables, notes, prose, reproduce, tables, writing
from cnnlab.reporting.report.citations import Citations
from cnnlab.reporting.report.embedded import image, tile
from cnnlab.reporting.report.extras import Cover, Extras
from cnnlab.reporting.report.facts import Facts
from cnnlab.reporting.report.summary import summary
from cnnlab.reporting.report.threats import threats
from cnnlab.reporting.report.validated import has_curves, not_validated
from cnnlab.reporting.text import Text

SECTIONS = (
    "summary",
    "setup",
    "data",
    "networks",
    "training",
    "results",
    "classes",
    "calibration",
    "mistakes",
    "cost",
    "threats",
    "reproduce",
    "references",
)
MAX_IN_MATRIX = 30
"""Classes of a confusion matrix that can still be read."""
MAX_CONFUSED = 5
"""Pairs of classes of each network."""


def html_report(facts: Facts, extras: Extras, cover: Cover, text: Text, *, version: str) -> str:
    """Return the page.

    Args:
        facts: from run folders.
        extras: what else is at hand.
        cover: title, course, author and date.
        text: the words, in one language.
        version: of cnnlab.
    """
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    template = environment.from_string(_asset("page.html.j2"))
    networks = facts.networks
    has_matrix = len(facts.class_names) <= MAX_IN_MATRIX
    citations = Citations()
    page = template.render(
        lang=text.html_lang,
        title=cover.title or prose.title(facts, text),
        cover=[part for part in (cover.course, cover.author, cover.date) if part],
        style=_asset("style.css"),
        script=_asset("page.js"),
        sections=SECTIONS,
        t=text,
        prose=prose,
        tables=tables,
        class_tables=class_tables,
        writing=writing,
        facts=facts,
        extras=extras,
        image=image,
        tile=tile,
        shown_prob=shown_prob,
        intervals=charts.intervals(
            [(result.name, result.mean_top1, *result.interval) for result in facts.comparison.networks], text
        ),
        accuracy={by: charts.accuracy_chart(networks, text, by=by) for by in ("epoch", "seconds")},
        has_curves=has_curves(facts),
        not_validated=not_validated(facts, text),
        summary=summary(facts, text),
        threats=threats(facts, text),
        loss=charts.loss_chart(networks, text),
        has_matrix=has_matrix,
        confusions={
            network.name: charts.confusion_chart(network, facts.class_names, text)
            for network in networks
            if has_matrix
        },
        confused=class_tables.confused_table(facts, text, most=MAX_CONFUSED),
        disagreements=tables.images_table(facts, text),
        reliability=charts.reliability_chart(networks, text),
        bins=tables.bins_table(facts, text),
        notes=notes,
        commands=reproduce.train_commands(facts),
        versions=reproduce.versions(facts, text),
        runs=tables.runs_table(facts, reproduce.weights_hashes(facts), text),
        cite=_cited(citations),
        citations=citations,
        version=version,
        num_runs=sum(len(network.folders) for network in networks),
    )
    return page.lstrip()


def _cited(citations: Citations) -> Callable[..., Markup]:
    """Return what cites sources as links to the list at the end."""

    def cite(*keys: str) -> Markup:
        link = Markup('<a href="#source-{}">{}</a>')
        links = Markup(", ").join(link.format(number, number) for number in citations(*keys))
        return Markup("[{}]").format(links) if keys else Markup("")

    return cite


def _asset(name: str) -> str:
    return files("cnnlab.reporting.report").joinpath(name).read_text(encoding="utf-8")
