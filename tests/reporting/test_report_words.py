"""The words of a report: the same sentences, with the same facts in them, in each language."""

import re
import string

import pytest

from cnnlab.reporting import LANGUAGES, Text
from cnnlab.reporting.text import broken_into_lines, load_words


def places(sentence):
    return sorted(name for _, name, _, _ in string.Formatter().parse(sentence) if name)


def test_every_language_has_the_same_sentences_with_the_same_facts():
    first, *others = (load_words(lang) for lang in LANGUAGES)
    for other in others:
        assert other.keys() == first.keys()
        for section, sentences in first.items():
            assert other[section].keys() == sentences.keys(), section
            for name, sentence in sentences.items():
                assert places(other[section][name]) == places(sentence), f"{section}.{name}"


def test_no_sentence_has_a_figure_of_its_own():
    """Figures come from facts; what a method is called, its level, and a grammatical one may stand there."""
    allowed = (
        "95 %",
        "95%",
        "90 %",
        "90%",
        "5 %",
        "5%",
        "99.9%",
        "top-1",
        "top\u20111",
        "F1",
        "sha256",
        "float32",
    )
    allowed += ("1 convolution", "1 个卷积", "Above 1", "below 1", "大于 1", "小于 1", "is 0", "为 0")
    for lang in LANGUAGES:
        for section, sentences in load_words(lang).items():
            for name, sentence in sentences.items():
                sentence = sentence.replace("\u00a0", " ")
                sentence = "".join(part for part, _, _, _ in string.Formatter().parse(sentence))
                for known in allowed:
                    sentence = sentence.replace(known, "")
                assert not any(letter.isdigit() for letter in sentence), f"{lang}: {section}.{name}"


def test_a_sentence_with_its_facts():
    sentence = Text("en")("data.size", size="28 x 28", colour="grey")
    assert sentence == "The networks see images of 28 x 28 pixels, grey."


def test_signs_of_punctuation_are_those_of_the_language():
    assert Text("en").flow(["One.", "", "Two."]) == "One. Two."
    assert Text("zh").flow(["一。", "", "二。"]) == "一。二。"
    signs = (" ", ", ", "; ", ": ")
    assert [Text("en").sign(sign) for sign in signs] == list(signs)
    assert [Text("zh").sign(sign) for sign in signs] == ["", "，", "；", "："]  # noqa: RUF001


def test_chinese_sentences_have_chinese_signs():
    """No ASCII comma, colon or semicolon beside a Chinese letter, and no blank around Chinese signs."""
    chinese, signs = "[\u4e00-\u9fff]", "[，。：；、（）]"  # noqa: RUF001
    for section, sentences in load_words("zh").items():
        for name, sentence in sentences.items():
            wrong = re.search(f"{chinese}[,;:]|[,;:]{chinese}|{signs} | {signs}", sentence)
            assert not wrong, f"{section}.{name}: {sentence}"


def test_lists():
    assert Text("zh").join(["a", "b"]) == "a、b"
    assert Text("en").names(["a", "b", "c"]) == "a, b and c"
    assert Text("zh").names(["a", "b", "c"]) == "a、b 和 c"
    assert Text("en").names(["a"]) == "a" and Text("en").names([]) == ""


def test_lines_break_between_words_and_chinese_letters():
    assert broken_into_lines("one two three four", 9) == "one two\nthree\nfour"
    assert (
        broken_into_lines("每幅图各有其尺度。", 8) == "每幅图各\n有其尺\n度。"
    )  # no line begins with a full stop
    assert broken_into_lines("各层 Grad-CAM 支持", 9) == "各层\nGrad-CAM\n支持"
    assert broken_into_lines("incomprehensible", 5) == "incomprehensible"


def test_a_fact_that_is_missing_is_a_fault():
    with pytest.raises(KeyError):
        Text("en")("data.size", size="28 x 28")
