"""The report as slides: native tables and charts, and nothing that the page does not say."""

from collections.abc import Sequence
from dataclasses import dataclass

from cnnlab.reporting.report import class_tables, prose, reproduce, tables
from cnnlab.reporting.report.architectures import reference
from cnnlab.reporting.report.deck import BOTTOM, LEFT, TOP, WIDTH, Deck, Parts, stack_size
from cnnlab.reporting.report.extras import Cover, Extras
from cnnlab.reporting.report.facts import Facts, NetworkFacts
from cnnlab.reporting.report.notes import latency_note, results_notes
from cnnlab.reporting.report.slide_chart import add_curves
from cnnlab.reporting.report.slide_table import set_table
from cnnlab.reporting.report.summary import summary, verdict
from cnnlab.reporting.report.threats import threats
from cnnlab.reporting.report.validated import not_validated
from cnnlab.reporting.report.writing import percent
from cnnlab.reporting.text import Text

MOST_SLIDES = 12
OTHER_SLIDES = 7  # than those of networks, results and costs
MAX_NETWORKS = 3  # with a slide of their own
MAX_CONFUSED = 3
LOWEST_CHART, HIGHEST_CHART = 2.2, 3.3  # inches
ABOVE_TABLE = 0.45  # inches for the sentence above a table
HALF = (WIDTH - 0.3) / 2
PICTURE = 6.5  # inches: as wide as it was drawn, so that its letters are as large
MAX_COMMAND = 160  # letters of a command that a slide has room for


def slides_report(facts: Facts, extras: Extras, cover: Cover, text: Text) -> bytes:
    """Return a .pptx of 10 to 12 slides; arguments as `html_report` takes them.

    Raises:
        MissingResourceError: python-pptx is not installed.
    """
    title = cover.title or prose.title(facts, text)
    deck = Deck(text, footer=title)
    deck.cover(title, [cover.course, cover.author, cover.date])
    slide = deck.slide(text("sections.setup"))
    lines = [prose.question(facts, text), *prose.setup(facts, text)]
    deck.bullets(slide, lines, LEFT, TOP, WIDTH, BOTTOM - TOP)
    _data(deck, facts, extras, text)
    results, costs = _results(facts, text), _cost(facts, extras, text)
    num_own = min(MAX_NETWORKS, MOST_SLIDES - OTHER_SLIDES - len(results) - len(costs))  # 0 at least
    for network in facts.networks[:num_own]:
        _network(deck, network, extras, text)
    _training(deck, facts, text)
    _add(deck, results)
    _mistakes(deck, facts, extras, text)
    _add(deck, costs)
    slide = deck.slide(text("sections.threats"))
    deck.bullets(slide, threats(facts, text), LEFT, TOP, WIDTH, BOTTOM - TOP)
    slide = deck.slide(text("sections.conclusion"), notes=reproduce.versions(facts, text))
    lines = summary(facts, text)
    if len(facts.networks) > num_own:
        names = [network.name for network in facts.networks[num_own:]]
        lines.append(text("slides.more_networks", networks=text.join(names)))
    if 0 < len(facts.comparison.command) <= MAX_COMMAND:
        lines.append(text("slides.again", command=facts.comparison.command))
    deck.bullets(slide, lines, LEFT, TOP, WIDTH, BOTTOM - TOP)
    return deck.save()


@dataclass(frozen=True)
class Page:
    """A slide of tables with sentences below them.

    Attributes:
        title: of the slide.
        parts: its tables.
        lines: the sentences.
        notes: what may be said to it.
    """

    title: str
    parts: Parts
    lines: Sequence[str]
    notes: Sequence[str]


def _add(deck: Deck, pages: Sequence[Page]) -> None:
    for page in pages:
        deck.stack(deck.slide(page.title, notes=page.notes), page.parts, page.lines)


def _data(deck: Deck, facts: Facts, extras: Extras, text: Text) -> None:
    slide = deck.slide(text("sections.data"))
    picture = extras.data.samples
    width = HALF if picture else WIDTH
    deck.bullets(slide, prose.data(facts, extras, text), LEFT, TOP, width, BOTTOM - TOP)
    if picture:
        deck.draw(slide, picture, LEFT + HALF + 0.3, TOP, HALF, BOTTOM - TOP)


def _network(deck: Deck, network: NetworkFacts, extras: Extras, text: Text) -> None:
    sources = [reference(key) for key in prose.papers(network, text)]
    slide = deck.slide(network.name, notes=[*sources, text("pictures.boxes")])
    lines = [line for line in (prose.why(network, text), prose.numbers(network, text)) if line]
    diagram = extras.of(network.name).slide_diagram
    height = 2.6 if diagram else BOTTOM - TOP
    deck.bullets(slide, lines, LEFT, TOP, WIDTH, height)
    if diagram:
        deck.draw(slide, diagram, LEFT, TOP + height + 0.05, WIDTH, BOTTOM - TOP - height - 0.05)


def _training(deck: Deck, facts: Facts, text: Text) -> None:
    slide = deck.slide(text("sections.training"), notes=[text("training.how")])
    missing = not_validated(facts, text)
    if not any(network.curves[0].val for network in facts.networks):
        deck.bullets(slide, missing, LEFT, TOP, WIDTH, BOTTOM - TOP)
        return
    table = tables.reached_table(facts, text)
    # The charts get what the table leaves, which leaves them enough.
    room = BOTTOM - TOP - LOWEST_CHART - ABOVE_TABLE
    height = set_table(table, width=WIDTH, height=room).height
    charts = min(HIGHEST_CHART, BOTTOM - TOP - ABOVE_TABLE - height)
    for column, by in enumerate(("epoch", "seconds")):
        place = LEFT + column * (HALF + 0.3), TOP - 0.05, HALF, charts
        add_curves(deck, slide, facts, text, by=by, place=place)
    if facts.target is None:
        deck.bullets(slide, missing, LEFT, TOP + charts, WIDTH, BOTTOM - TOP - charts)
        return
    target = text("training.reached", target=percent(facts.target, digits=1))
    deck.write(slide, target, LEFT, TOP + charts, WIDTH, ABOVE_TABLE, sizes=(16, 14, 12))
    deck.table(slide, table, TOP + charts + ABOVE_TABLE, height=room)


def _results(facts: Facts, text: Text) -> list[Page]:
    """Return what came out on as few slides as have room for it: one where networks are few."""
    notes = results_notes(facts, text)
    of_together = [text("results.together_note")] if tables.has_ensembles(facts) else []
    lines = [verdict(one, facts.comparison.networks[0], text) for one in facts.comparison.networks[1:]]
    lines = lines or summary(facts, text)
    title = text("sections.results")
    results = "", tables.results_table(facts, text)
    if len(facts.comparison.seeds) == 1:
        return [Page(title, [results], lines, notes)]
    seeds = "", tables.seeds_table(facts, text)
    if stack_size([results, seeds], lines):
        return [Page(title, [results, seeds], lines, [*notes, *of_together])]
    of_seeds = Page(text("results.seeds"), [seeds], [], of_together)
    if stack_size([results], lines) or not stack_size([], lines):
        return [Page(title, [results], lines, notes), of_seeds]
    return [Page(title, [results], [], notes), Page(title, [], lines, []), of_seeds]


def _mistakes(deck: Deck, facts: Facts, extras: Extras, text: Text) -> None:
    slide = deck.slide(text("sections.mistakes"), notes=[text("pictures.colours")])
    pixels = next((extra.slide_pixels for extra in extras.networks.values() if extra.slide_pixels), None)
    width = WIDTH - PICTURE - 0.3 if pixels else WIDTH
    lines: Sequence[str] = [
        text("results.no_mistakes", network=network.name)
        for network in facts.networks
        if not network.confused
    ]
    if pixels:
        lines = [*lines, text("mistakes.pixels")]
        deck.draw(slide, pixels, LEFT + WIDTH - PICTURE, TOP, PICTURE, BOTTOM - TOP)
    # Rather fewer mistakes of each network than none of some.
    choices = [class_tables.confused_table(facts, text, most=most) for most in range(MAX_CONFUSED, 0, -1)]
    parts = [[("", table)] for table in choices if table.rows] or [[]]
    fitting = next((one for one in parts if stack_size(one, lines, width=width)), parts[-1])
    deck.stack(slide, fitting, lines, width=width)


def _cost(facts: Facts, extras: Extras, text: Text) -> list[Page]:
    """Return costs and confidence on one slide, or on one each."""
    costs = "", tables.costs_table(facts, extras, text)
    calibration = tables.calibration_table(facts, extras, text)
    latency = latency_note(facts, extras, text)
    notes = [text("cost.times"), prose.calibration(text), text("calibration.temperature_note")]
    title, other = text("sections.cost"), text("sections.calibration")
    lines = [prose.calibration(text), *([latency] if latency else [])]
    if stack_size([costs, (other, calibration)], lines):
        return [Page(title, [costs, (other, calibration)], lines, notes)]
    return [
        Page(title, [costs], lines[1:], notes[:1]),
        Page(other, [("", calibration)], lines[:1], notes[1:]),
    ]
