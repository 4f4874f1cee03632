"""The report as Markdown: all of the page that is words or numbers, and no sign read as more."""

import re
from dataclasses import replace

import pytest

from cnnlab.reporting import Text
from cnnlab.reporting.report import (
    Cover,
    Extras,
    Latency,
    NetworkExtras,
    Temperature,
    gather,
    html_report,
    markdown_report,
)
from cnnlab.reporting.report.architectures import reference
from cnnlab.runs import RunFolder

LATENCY = Latency(12.34, 11.21, 13.45, 73, 2, "a processor")


@pytest.fixture(scope="module")
def facts(report_runs):
    return gather([RunFolder.open(run) for run in report_runs])


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_markdown_has_every_part(facts, lang):
    text = Text(lang)
    page = markdown_report(facts, Extras(), Cover(), text)
    sections = ("summary", "setup", "data", "networks", "training", "results", "classes", "calibration")
    for section in (*sections, "cost", "threats", "reproduce", "references"):
        assert f"\n## {text(f'sections.{section}')}\n" in page, section
    rows = [line for line in page.splitlines() if line.startswith("| ")]
    assert any(set(line) <= set("| -:") for line in rows) and all(line.endswith(" |") for line in rows)
    for result in facts.comparison.networks:
        assert f"{result.mean_top1:.2%}" in page
    numbers = [int(number) for cited in re.findall(r"\[([\d, ]+)\]", page) for number in cited.split(",")]
    sources = re.findall(r"^(\d+)\. ", page, re.MULTILINE)
    assert numbers and set(map(str, numbers)) == set(sources)  # all that is cited is listed, and the reverse


def test_what_is_given_is_text(facts):
    cover = Cover("*One* | two", "a_b_c [x](y)", "A <b>x</b>", "`2026`")
    title, _, about = markdown_report(facts, Extras(), cover, Text("en")).splitlines()[:3]
    assert title == r"# \*One\* \| two"
    assert about == r"a\_b\_c \[x\](y) · A \<b>x\</b> · \`2026\`"


def test_cells_are_text_and_numbers_stay_as_they_are(facts):
    names = ("<i>0</i>", *facts.class_names[1:])
    page = markdown_report(replace(facts, class_names=names), Extras(), Cover(), Text("en"))
    assert r"| \<i>0\</i> |" in page and "<i>" not in page.replace(r"\<i>", "")
    shared = facts.networks[1].disagreements[0]
    known = tuple(replace(one, disagreements=(replace(shared, p_value=0.0),)) for one in facts.networks)
    assert "| < 0.001 |" in markdown_report(replace(facts, networks=known), Extras(), Cover(), Text("en"))


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_it_says_what_the_page_says_below_its_tables(facts, lang):
    text = Text(lang)
    first, other = (network.name for network in facts.networks)
    some = NetworkExtras(temperature=Temperature(1.2, 0.02, 0.01), latency=LATENCY)
    fewer = replace(some, latency=replace(LATENCY, num_passes=50))
    told = [text("results.effect_note", first=first), text("networks.made_in", year=facts.networks[0].year)]
    passes = {"processor": "a processor", "threads": 2, "passes": 50}
    for extras, more in (
        (Extras({first: some, other: fewer}), [text("cost.latency_note", **passes)]),
        (
            Extras({first: some}),
            [
                text("calibration.no_temperature", networks=other),
                text("cost.latency_missing", networks=other),
            ],
        ),
    ):
        markdown = markdown_report(facts, extras, Cover(), text)
        page = html_report(facts, extras, Cover(), text, version="0").replace("&#39;", "'")
        for sentence in [*told, text("calibration.temperature_note"), *more]:
            assert sentence in markdown and sentence in page, sentence
    assert reference("cohen1988") in markdown


def test_runs_at_once_are_told(facts, monkeypatch):
    monkeypatch.setattr("cnnlab.reporting.report.notes.runs_at_once", lambda facts: True)
    assert Text("en")("cost.at_once") in markdown_report(facts, Extras(), Cover(), Text("en"))
