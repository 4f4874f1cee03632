"""Texts on slides take the room that their letters take."""

import pytest

from cnnlab.reporting.report.extent import largest_size, num_lines_of, text_height, text_width


def test_a_width_grows_with_letters_and_size():
    one = text_width("i", size=10)
    assert text_width("iii", size=10) == pytest.approx(3 * one)
    assert text_width("i", size=20) == pytest.approx(2 * one)
    assert text_width("W", size=10) > 2 * one
    assert text_width("W", size=10, bold=True) > text_width("W", size=10)


def test_a_chinese_letter_is_a_square():
    assert text_width("中文", size=36) == pytest.approx(1.0, rel=0.01)  # of 36 points, half an inch each


def test_lines_break_between_words():
    word = text_width("word", size=12)
    space = text_width(" ", size=12)
    assert num_lines_of("word word", size=12, width=2 * word + space + 0.01) == 1
    assert num_lines_of("word word", size=12, width=2 * word) == 2
    assert num_lines_of("", size=12, width=1.0) == 1


def test_lines_break_between_chinese_letters_and_within_long_words():
    assert num_lines_of("中文中文", size=36, width=1.05) == 2
    assert num_lines_of("a" * 50, size=12, width=text_width("a" * 20, size=12)) == 3


def test_the_largest_size_that_fits():
    text = "some words that fill a line or two"
    height = text_height(text, size=16, width=2.0)
    assert largest_size(text, (20, 18, 16, 14), width=2.0, height=height + 1e-6) == 16
    assert largest_size(text, (20, 18), width=2.0, height=0.01) == 18
