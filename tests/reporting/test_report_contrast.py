"""The page's colours can be told from their ground, light and dark: WCAG 2.2, criteria 1.4.3 and 1.4.11."""

import re
from importlib.resources import files

import pytest

from cnnlab.reporting.report.deck import COLOURS
from cnnlab.reporting.report.lettering import ACCENT, BAND, INK
from cnnlab.reporting.report.svg import NUM_COLOURS, STRONG

STYLE = files("cnnlab.reporting.report").joinpath("style.css").read_text()


def variables(theme):
    """Return the colours of a theme; the dark one changes some of the light one's."""
    found = dict(re.findall(r"--([\w]+): (#\w{6})", re.search(r":root \{([^}]*)\}", STYLE)[1]))
    if theme == "dark":
        dark = re.search(r':root\[data-theme="dark"\] \{([^}]*)\}', STYLE)[1]
        found |= dict(re.findall(r"--([\w]+): (#\w{6})", dark))
    return found


def rgb(colour):
    digits = colour.removeprefix("#")
    return [int(digits[place : place + 2], 16) for place in (0, 2, 4)]


def luminance(parts):
    linear = [
        part / 255 / 12.92 if part / 255 <= 0.04045 else ((part / 255 + 0.055) / 1.055) ** 2.4
        for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_contrast_by_hand():
    assert contrast(rgb("#000000"), rgb("#ffffff")) == pytest.approx(21.0)
    assert contrast(rgb("#767676"), rgb("#ffffff")) == pytest.approx(4.54, abs=0.01)  # the known limit


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_words_stand_out(theme):
    colours = variables(theme)
    for ground in ("paper", "band"):
        for ink in ("ink", "soft", "accent"):
            assert contrast(rgb(colours[ink]), rgb(colours[ground])) >= 4.5, (ink, ground)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_lines_of_charts_stand_out(theme):
    colours = variables(theme)
    for series in range(NUM_COLOURS):
        assert contrast(rgb(colours[f"s{series}"]), rgb(colours["paper"])) >= 3.0, series


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("share", [0.06, 0.25, 0.5, 0.75, STRONG, STRONG + 0.01, 1.0])
def test_counts_can_be_read_on_every_cell_of_a_confusion_matrix(theme, share):
    colours = variables(theme)
    paper, wrong = rgb(colours["paper"]), rgb(colours["wrong"])
    ground = [share * one + (1 - share) * other for one, other in zip(wrong, paper, strict=True)]
    letters = rgb(colours["strong" if share > STRONG else "count"])
    assert contrast(letters, ground) >= 4.5


def test_both_ways_to_the_dark_theme_have_the_same_colours():
    blocks = re.findall(r"\{([^{}]*--paper: #16181b[^{}]*)\}", STYLE)
    by_choice, by_system = (dict(re.findall(r"--(\w+): (#\w{6})", block)) for block in blocks)
    assert by_choice == by_system


def test_slides_stand_out():
    assert contrast(rgb(INK), rgb(BAND)) >= 4.5 and contrast(rgb("FFFFFF"), rgb(ACCENT)) >= 4.5
    assert all(contrast(rgb(colour), rgb("FFFFFF")) >= 3.0 for colour in COLOURS)
