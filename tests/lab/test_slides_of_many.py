"""Slides of two networks to twenty: all on the slides, and the verdicts among it."""

import io
from dataclasses import replace

import pytest
from pptx import Presentation

from cnnlab.reporting import Text
from cnnlab.reporting.report import (
    Cover,
    Extras,
    Latency,
    NetworkExtras,
    Temperature,
    gather,
    slides_report,
)
from cnnlab.reporting.report.deck import Deck
from cnnlab.reporting.report.summary import verdict
from cnnlab.runs import RunFolder
from slide_geometry import assert_all_fits, words_of

NAMES = ("lenet5", "convnet_mnist", "resnet20", "alexnet_mnist3", "alexnet_mnist5", "convnet_fast")
NAMES += ("preact_resnet110", "a_recipe_of_ones_own")
EXTRAS = NetworkExtras(
    temperature=Temperature(1.25, 0.0163, 0.0071),
    latency=Latency(12.34, 11.21, 13.45, 73, 2, "AMD EPYC 9R14 96-Core Processor"),
)


@pytest.fixture(scope="module")
def facts(report_runs):
    return gather([RunFolder.open(run) for run in report_runs], command="cnnlab report " + "a" * 100)


def of_many(facts, num):
    """Return facts of so many networks, the second one over and over again."""
    names = [NAMES[place] if place < len(NAMES) else f"network_{place}" for place in range(num)]
    which = [min(place, 1) for place in range(num)]
    results, networks = facts.comparison.networks, facts.networks
    comparison = replace(
        facts.comparison,
        networks=tuple(replace(results[one], name=name) for one, name in zip(which, names, strict=True)),
    )
    networks = tuple(replace(networks[one], name=name) for one, name in zip(which, names, strict=True))
    return replace(facts, comparison=comparison, networks=networks), Extras(dict.fromkeys(names, EXTRAS))


def slides_of(facts, extras, lang, title=""):
    return Presentation(io.BytesIO(slides_report(facts, extras, Cover(title), Text(lang))))


def slide_titled(deck, title):
    return next(slide for slide in deck.slides if slide.shapes.title.text == title)


def tables_on(slide):
    return [shape.table for shape in slide.shapes if shape.has_table]


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("num", [2, 4, 5, 8])
def test_everything_is_on_the_slides_and_every_verdict_is_told(facts, num, lang):
    many, extras = of_many(facts, num)
    text = Text(lang)
    deck = slides_of(many, extras, lang)
    assert 10 <= len(deck.slides) <= 12
    assert_all_fits(deck)
    first, *others = many.comparison.networks
    results = [slide for slide in deck.slides if slide.shapes.title.text == text("sections.results")]
    words = "\n".join(map(words_of, results))
    conclusion = words_of(slide_titled(deck, text("sections.conclusion")))
    for result in others:
        assert verdict(result, first, text) in words
        assert verdict(result, first, text) in conclusion
    tables = [table for slide in deck.slides for table in tables_on(slide)]
    assert len(tables) == 6  # reached, results, seeds, confused, costs, calibration: none is left out
    for table in tables:
        assert set(NAMES[:num]) == {row.cells[0].text for row in list(table.rows)[1:]}


def test_what_there_is_no_room_for_is_counted(facts):
    many, extras = of_many(facts, 30)
    deck = slides_of(many, extras, "en", title="A title as long as a sentence, " * 4)
    assert 10 <= len(deck.slides) <= 12
    assert_all_fits(deck)
    slide = slide_titled(deck, "Results")
    (table,) = tables_on(slide)
    rows, words = len(table.rows) - 1, words_of(slide).splitlines()
    assert rows >= 5 and f"{30 - rows} more, in the report." in words
    verdicts = [line for line in words if "lenet5" in line]
    assert len(verdicts) >= 4 and f"{29 - len(verdicts)} more, in the report." in words


def test_sentences_without_any_room_are_counted_too(facts):
    deck = Deck(Text("en"), footer="")
    slide = deck.slide("title")
    deck.bullets(slide, ["a sentence " * 50] * 3, 1.0, 5.0, 4.0, 0.4)
    assert words_of(slide).splitlines()[-1] == "3 more, in the report."


def test_latency_is_told_with_the_fewest_passes(facts):
    many, extras = of_many(facts, 2)
    few = replace(EXTRAS, latency=replace(EXTRAS.latency, num_passes=50))
    deck = slides_of(many, Extras({**extras.networks, NAMES[1]: few}), "en")
    assert "The median of at least 50 passes" in words_of(slide_titled(deck, "What it costs"))
