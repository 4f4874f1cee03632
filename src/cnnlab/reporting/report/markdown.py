"""The report as Markdown: what a page says in words and tables, without its pictures."""

from collections.abc import Sequence

from cnnlab.reporting.grid import escape_markdown
from cnnlab.reporting.report import class_tables, notes, prose, reproduce, tables
from cnnlab.reporting.report.citations import Citations
from cnnlab.reporting.report.extras import Cover, Extras
from cnnlab.reporting.report.facts import Facts
from cnnlab.reporting.report.page import MAX_CONFUSED
from cnnlab.reporting.report.summary import summary
from cnnlab.reporting.report.threats import threats
from cnnlab.reporting.report.validated import not_validated
from cnnlab.reporting.report.writing import percent
from cnnlab.reporting.text import Text


def markdown_report(facts: Facts, extras: Extras, cover: Cover, text: Text) -> str:
    """Return the report; arguments as `html_report` takes them."""
    about = [escape_markdown(part) for part in (cover.course, cover.author, cover.date) if part]
    blocks = [f"# {escape_markdown(cover.title or prose.title(facts, text))}", " · ".join(about)]
    blocks += [_heading(text, "summary"), *summary(facts, text)]
    cite = Citations()
    methods = _cited(cite, text, text("references.methods"), *prose.method_papers(facts))
    blocks += [
        _heading(text, "setup"),
        f"**{prose.question(facts, text)}**",
        _list(prose.setup(facts, text)),
        methods,
    ]
    blocks += [_heading(text, "data"), _list(prose.data(facts, extras, text))]
    blocks.append(tables.counts_table(facts, extras, text).to_markdown())
    blocks += _networks(facts, cite, text)
    blocks.append(_heading(text, "training"))
    if facts.target is None:
        blocks += not_validated(facts, text)
    else:
        blocks.append(text("training.reached", target=percent(facts.target, digits=1)))
        blocks.append(tables.reached_table(facts, text).to_markdown())
    blocks += _results(facts, cite, text)
    blocks += [_heading(text, "calibration"), _cited(cite, text, prose.calibration(text), "guo2017")]
    blocks.append(tables.calibration_table(facts, extras, text).to_markdown())
    blocks += notes.calibration_notes(facts, extras, text)
    blocks += [_heading(text, "cost"), tables.costs_table(facts, extras, text).to_markdown()]
    blocks += notes.cost_notes(facts, extras, text)
    blocks += [_heading(text, "threats"), _list(threats(facts, text)), cite.inline("wilson1927")]
    blocks.append(_heading(text, "reproduce"))
    if facts.comparison.command:
        blocks += [text("reproduce.command"), _code([facts.comparison.command])]
    blocks += [text("reproduce.train"), _code(reproduce.train_commands(facts))]
    blocks += reproduce.versions(facts, text)
    blocks.append(tables.runs_table(facts, reproduce.weights_hashes(facts), text).to_markdown())
    blocks += [
        _heading(text, "references"),
        "\n".join(f"{number}. {source}" for number, source in enumerate(cite.sources, 1)),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _networks(facts: Facts, cite: Citations, text: Text) -> list[str]:
    blocks = [_heading(text, "networks")]
    for network in facts.networks:
        blocks.append(f"### {escape_markdown(network.name)}")
        blocks.append(_cited(cite, text, prose.why(network, text), *prose.papers(network, text)))
        made_in = text("networks.made_in", year=network.year)
        blocks.append(text.flow([prose.numbers(network, text), made_in]))
    blocks += [f"### {text('networks.trained')}", tables.settings_table(facts, text).to_markdown()]
    return [*blocks, text("networks.trained_note")]


def _results(facts: Facts, cite: Citations, text: Text) -> list[str]:
    blocks = [_heading(text, "results"), tables.results_table(facts, text).to_markdown()]
    blocks += [f"{note} {cite.inline(*notes.EFFECT_PAPERS)}" for note in notes.results_notes(facts, text)]
    if len(facts.comparison.seeds) > 1:
        blocks.append(tables.seeds_table(facts, text).to_markdown())
        blocks += [text("results.together_note")] if tables.has_ensembles(facts) else []
    images = tables.images_table(facts, text)
    if images.rows:
        blocks += [
            f"### {text('results.images')}",
            _cited(cite, text, text("results.images_note"), "mcnemar1947"),
            images.to_markdown(),
        ]
    blocks += [_heading(text, "classes"), text("results.classes_note")]
    for network in facts.networks:
        blocks.append(f"### {escape_markdown(network.name)}")
        blocks.append(class_tables.classes_table(facts, network, text).to_markdown())
        if not network.confused:
            blocks.append(text("results.no_mistakes", network=network.name))
    confused = class_tables.confused_table(facts, text, most=MAX_CONFUSED)
    if confused.rows:
        blocks += [f"### {text('results.confused')}", confused.to_markdown()]
    return blocks


def _cited(cite: Citations, text: Text, said: str, *keys: str) -> str:
    return text.flow([said, cite.inline(*keys)])


def _heading(text: Text, section: str) -> str:
    return f"## {text(f'sections.{section}')}"


def _list(sentences: Sequence[str]) -> str:
    return "\n".join(f"- {sentence}" for sentence in sentences)


def _code(lines: Sequence[str]) -> str:
    return "```\n" + "\n".join(lines) + "\n```"
