"""The words of a report: the same sentences, with the same facts in them, in each language."""

import string

import pytest

from cnnlab.reporting.text import LANGUAGES, Text, load_words


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
    """Figures come from run folders; what a method is called, and its level, may stand there."""
    allowed = ("95 %", "90 %", "top-1", "F1", "LeNet-5", "1\u00d71", "sha256", "4.3", "float32", "0 and")
    for lang in LANGUAGES:
        for section, sentences in load_words(lang).items():
            for name, sentence in sentences.items():
                sentence = "".join(part for part, _, _, _ in string.Formatter().parse(sentence))
                for known in allowed:
                    sentence = sentence.replace(known, "")
                assert not any(letter.isdigit() for letter in sentence), f"{lang}: {section}.{name}"


def test_a_sentence_with_its_facts():
    sentence = Text("en")("data.size", size="28 x 28", colour="grey")
    assert sentence == "The networks see images of 28 x 28 pixels, grey."
    assert Text("zh").join(["a", "b"]) == "a、b"


def test_a_fact_that_is_missing_is_a_fault():
    with pytest.raises(KeyError):
        Text("en")("data.size", size="28 x 28")
