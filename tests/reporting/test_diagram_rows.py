"""The diagram of a network on paper: in rows that are as wide as the page, however deep it is."""

import re

import pytest

from cnnlab.explain import Part
from cnnlab.reporting import PAPER, Text, diagram
from cnnlab.reporting.diagram import _broken, _rows


def parts(num):
    boxes = [Part(f"conv{place}", "convolution", (8 * place, 32, 32), 9, window=3) for place in range(1, num)]
    return [*boxes, Part("fc", "dense", (10,), 9)]


@pytest.mark.parametrize("num", [2, 7, 8, 40])
def test_rows_are_no_wider_than_the_paper_and_hold_every_part(num):
    picture = diagram(parts(num), in_channels=3, image_size=32, form=PAPER)
    drawn = re.findall(r">(conv\d+|fc)</", picture.svg.decode())
    assert sorted(drawn) == sorted(part.name for part in parts(num))
    assert picture.size[0] <= PAPER.width and PAPER.letters >= 6
    on_screen = diagram(parts(num), in_channels=3, image_size=32)
    assert (on_screen.size[0] > PAPER.width) == (num >= 7)


def test_rows_are_about_as_long_as_each_other():
    assert _rows([1.0] * 9, 8.0) == [range(5), range(5, 9)]
    assert _rows([1.0] * 8, 8.0) == [range(8)]
    assert _rows([3.0, 3.0], 2.0) == [
        range(1),
        range(1, 2),
    ]  # what is too wide by itself has a row of its own


def test_a_chinese_letter_takes_the_room_of_two():
    assert _broken(["largest of 2x2", "stride 2"], ", ", most=16) == ["largest of 2x2", "stride 2"]
    comma = Text("zh").sign(", ")
    assert _broken(["取最大", "步长"], comma, most=11) == ["取最大", "步长"]
    assert _broken(["abc", "de"], ", ", most=11) == ["abc, de"]
