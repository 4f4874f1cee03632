"""`report`: what it says is what the run folders say, and what cannot be told is told to be so."""

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest

from cnnlab import lab
from cnnlab.errors import ConfigError, RunError
from cnnlab.evaluation import compare_runs
from cnnlab.runs import RunFolder

NAMES = ("convnet_mnist", "resnet20")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs")
    return [
        Path(lab.train(name, data="digits", steps=8, seed=seed, out=out, threads=1))
        for name in NAMES
        for seed in range(3)
    ]


@pytest.fixture(scope="module")
def pages(runs, tmp_path_factory):
    out = tmp_path_factory.mktemp("report")
    for lang in ("en", "zh"):
        lab.report(runs, out=out, lang=lang, course="CNN lab", author="A <b> student", date="2026-11-29")
    return {lang: (out / f"report.{lang}.html").read_text(encoding="utf-8") for lang in ("en", "zh")}


class Words(HTMLParser):
    """Collects what is read on a page, and what it loads."""

    def __init__(self):
        super().__init__()
        self.text, self.sources, self.ids, self.links, self.images = [], [], [], [], []
        self.is_hidden = False

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.is_hidden = tag in ("style", "script")
        self.sources += [values[name] for name in ("src", "href") if values.get(name)]
        self.ids += [values["id"]] if "id" in values else []
        self.links += [values["href"]] if tag == "a" else []
        self.images += [values] if tag == "img" else []

    def handle_endtag(self, tag):
        self.is_hidden = False

    def handle_data(self, data):
        if not self.is_hidden:
            self.text.append(data)


def read(page):
    words = Words()
    words.feed(page)
    return words, re.sub(r"\s+", " ", " ".join(words.text))


def test_figures_are_those_of_the_comparison(runs, pages):
    folders = [RunFolder.open(run) for run in runs]
    comparison = compare_runs({"a": folders[:3], "b": folders[3:]})
    for page in pages.values():
        _, text = read(page)
        for result in comparison.networks:
            assert f"{result.mean_top1:.2%}" in text
            for top1 in result.top1:
                assert f"{top1:.2%}" in text
        test = comparison.networks[1].test
        assert test is not None and f"{100 * test.difference:+.2f}" in text


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_page_needs_nothing_else(pages, lang):
    words, _ = read(pages[lang])
    assert all(source.startswith(("data:", "#")) for source in words.sources)
    assert "http" not in re.sub(r"data:[^\"']+", "", pages[lang])
    assert all(len(image.get("alt", "")) > 3 for image in words.images) and words.images
    assert {link.removeprefix("#") for link in words.links} <= set(words.ids)
    assert len(pages[lang].encode()) < 6_000_000


def test_what_is_given_stands_on_the_cover_and_is_text(pages):
    _, text = read(pages["en"])
    assert "CNN lab" in text and "A <b> student" in text and "2026-11-29" in text


def test_both_languages_are_spoken(pages):
    assert 'lang="en"' in pages["en"] and "Threats to validity" in pages["en"]
    assert 'lang="zh-Hans"' in pages["zh"] and "有效性的限制" in pages["zh"]


def test_an_unfinished_run_is_named_and_left_out(runs, tmp_path):
    unfinished = tmp_path / "unfinished"
    shutil.copytree(runs[0], unfinished)
    (unfinished / "model.safetensors").unlink()
    (unfinished / "eval.json").unlink()
    (path,) = lab.report([*runs[1:3], unfinished], out=tmp_path / "out")
    _, text = read(path.read_text())
    assert "unfinished has not finished (step 8" in text and "seeds 1, 2" in text


def test_one_network_alone(runs, tmp_path):
    (path,) = lab.report(runs[:1], out=tmp_path / "out")
    _, text = read(path.read_text())
    assert "How well does convnet_mnist-digits classify" in text and "Wilson" in text


def test_without_the_images_the_rest_is_told(runs, tmp_path, monkeypatch):
    copies = []
    for run in runs[:2]:
        copies.append(tmp_path / run.name)
        shutil.copytree(run, copies[-1])
        config = (copies[-1] / "config.toml").read_text()
        (copies[-1] / "config.toml").write_text(config.replace('name = "digits"', 'name = "./gone"'))
    said = []
    (path,) = lab.report(copies, out=tmp_path / "out", warn=said.append)
    _, text = read(path.read_text())
    assert "not on this machine" in text and len(said) == 1 and "without pictures" in said[0]


def damaged(run, tmp_path, name, content):
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    (copy / name).write_text(content)
    return copy


def test_bad_runs_are_named_in_a_line(runs, tmp_path):
    copy = damaged(runs[0], tmp_path, "eval.json", "{")
    with pytest.raises(RunError, match=r"copy/eval\.json"):
        lab.report([copy], out=tmp_path)
    (copy / "eval.json").unlink()
    with pytest.raises(RunError, match=r"has no test metrics\. Get them with: cnnlab evaluate "):
        lab.report([copy], out=tmp_path)
    with pytest.raises(RunError, match="another run of the same settings and seed"):
        lab.report([runs[0], shutil.copytree(runs[0], tmp_path / "twin")], out=tmp_path)
    with pytest.raises(RunError, match=r"no seed in common \(.*: 0; .*: 1\)"):
        lab.report([runs[0], runs[4]], out=tmp_path)
    other = shutil.copytree(runs[3], tmp_path / "other")
    values = json.loads((other / "eval.json").read_text())
    (other / "eval.json").write_text(json.dumps(values | {"fingerprint": "0" * 64, "data": "letters"}))
    with pytest.raises(RunError, match="images of letters, not those of"):
        lab.report([runs[0], other], out=tmp_path)


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"lang": "fr"}, r"--lang: must be en or zh\. Received: fr\."),
        ({"formats": ["doc"]}, r"--format: must be of html.*\. Received: doc\."),
    ],
)
def test_bad_options(runs, tmp_path, options, line):
    with pytest.raises(ConfigError, match=line):
        lab.report(runs[:1], out=tmp_path, **options)


def test_no_runs(tmp_path):
    with pytest.raises(ConfigError, match="name at least one run folder"):
        lab.report([], out=tmp_path)
