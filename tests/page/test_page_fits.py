"""The page fits: long names, small screens, large letters, colours that the system forces."""

import copy

import pytest
from visits import DIGITS, THREE, api

SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
NAMES = [
    f"{place}: a long name of a class, as photographs have them, without_any_place_to_break"
    for place in range(12)
]
PROBS = [0.4, 0.3, 0.2, *[0.1 / 9] * 9]


@pytest.fixture
def long_names(answering, visit):
    """A function that opens the page with four networks of two names, and with classes of long names."""

    def answer(route):
        labels = [{"label": name, "probability": prob} for name, prob in zip(NAMES, PROBS, strict=True)]
        route.fulfill(json={"predictions": [{"labels": labels}]})

    def listed(route):
        site = route.fetch().json()
        twins = copy.deepcopy(site["networks"])
        for network in (*twins, *site["networks"]):
            network["description"]["class_names"] = NAMES
            network["description"]["trained_on"]["data"] = "a set of photographs whose name is far too long"
        for network in twins:
            network["name"] += "-int8"
            network["description"]["precision"] = "int8"
        other = copy.deepcopy(twins[0])
        other["name"], other["description"]["trained_on"]["data"] = "third", "mnist"
        route.fulfill(json={**site, "networks": [*site["networks"], *twins, other]})

    def open_page(**options):
        opened = visit("about:blank", **options)
        opened.page.route("**/networks.json", listed)
        opened.page.route("**/v1/predict*", answer)
        opened.page.goto(answering)
        opened.ready().draw(*THREE)
        opened.page.locator(".guess strong").first.wait_for()
        return opened

    return open_page


def test_long_names_can_be_read_on_a_phone(long_names):
    opened = long_names(viewport={"width": 360, "height": 740})
    page = opened.page
    titles = page.locator("article h3").all_inner_texts()
    data = "a set of photographs whose name is far too long"
    assert titles == [f"{DIGITS}, float32", "resnet20, float32", f"{DIGITS}, {data}, int8", "resnet20, int8"]
    page.click("#inside summary")
    page.locator("#layers figure").first.wait_for()
    assert page.locator("#gallery-of select").is_visible() and page.locator("#inside select").is_visible()
    assert page.evaluate(SIDEWAYS) == 0
    cut = "(names) => names.filter((one) => one.scrollWidth > one.clientWidth).length"
    rows = page.locator(".bars .name")
    assert rows.count() > 6 and rows.evaluate_all(cut) == 0
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    assert page.evaluate(SIDEWAYS) == 0 and rows.evaluate_all(cut) == 0
    assert rows.first.bounding_box()["width"] > 100


def test_a_phone_on_its_side_shows_the_whole_paper_with_the_answers_beside_it(answering, visit):
    opened = visit(answering, viewport={"width": 740, "height": 360}, forced_colors="active").ready()
    opened.draw(*THREE)
    opened.card(DIGITS).locator(".guess strong").wait_for()
    paper, answers = (opened.page.locator(name).bounding_box() for name in ("#canvas", "#answers"))
    assert 250 < paper["height"] <= 300 and answers["x"] > paper["x"] + paper["width"]
    opened.probs(DIGITS)  # when they change no more
    colours = """
    (card) => [".best .bar", "li:not(.best) .bar", ".track"].map(
      (one) => getComputedStyle(card.querySelector(one)).backgroundColor)
    """
    assert len(set(opened.card(DIGITS).evaluate(colours))) == 3
    assert opened.page.evaluate(SIDEWAYS) == 0
    api.expect(opened.page.locator("#made-by")).to_be_visible()
