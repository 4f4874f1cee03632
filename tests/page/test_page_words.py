"""The words of the page: the same in both languages, all of them used, none missing."""

import re

from cnnlab.page.files import LANGUAGES, WEB, load_page_words

PLACES = re.compile(r"\{(\w+)\}")
PROGRAMS = [path.read_text() for path in sorted((WEB / "page").glob("*.js"))]


def flat(lang):
    return {
        f"{section}.{name}": words
        for section, table in load_page_words(lang).items()
        for name, words in table.items()
    }


def test_both_languages_have_the_same_words_with_the_same_places():
    english, chinese = (flat(lang) for lang in LANGUAGES)
    assert english.keys() == chinese.keys()
    for key, words in english.items():
        assert sorted(PLACES.findall(words)) == sorted(PLACES.findall(chinese[key])), key
        assert words.strip() and chinese[key].strip()


def test_what_the_page_asks_for_is_there():
    asked = set(re.findall(r'data-(?:words|label)="([\w.]+)"', (WEB / "index.html").read_text()))
    for program in PROGRAMS:
        asked |= set(re.findall(r'"((?:page|state|draw|answers|inside|gallery)\.\w+)"', program))
    assert asked and asked <= flat("en").keys()


def test_every_word_is_used():
    text = "\n".join([(WEB / "index.html").read_text(), *PROGRAMS])
    computed = {"inside": "maps.js onnx.js kinds", "answers": "reasons", "gallery": "groups"}
    for key in flat("en"):
        section, name = key.split(".")
        is_quoted = f'"{key}"' in text
        is_computed = section in computed and re.search(rf'"{name}"', text)
        assert is_quoted or is_computed, key
