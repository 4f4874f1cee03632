"""`report`: what it says is what the run folders say, and what cannot be told is told to be so."""

import json
import re
import shutil
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from pptx import Presentation

from cnnlab import lab
from cnnlab.errors import ConfigError, MissingResourceError, RunError
from cnnlab.evaluation import compare_runs
from cnnlab.lab.report_network import Findings
from cnnlab.reporting import Text
from cnnlab.reporting.report import DataExtras, NetworkExtras
from cnnlab.reporting.report.writing import points
from cnnlab.runs import RunFolder


@pytest.fixture(scope="module")
def pages(report_runs, tmp_path_factory):
    out = tmp_path_factory.mktemp("report")
    options = {"course": "CNN lab", "author": "A <b> student", "date": "2026-11-29"}
    lab.report(report_runs, out=out, lang=["en", "zh"], **options)
    return {lang: (out / f"report.{lang}.html").read_text(encoding="utf-8") for lang in ("en", "zh")}


@pytest.fixture
def plain(monkeypatch):
    """Reports without pictures and measurements, for tests of what is said."""
    module = sys.modules[lab.report.__module__]
    monkeypatch.setattr(module, "look_into", lambda *_, **__: Findings(NetworkExtras()))
    monkeypatch.setattr(module, "network_extras", lambda *_: NetworkExtras())
    monkeypatch.setattr(module, "look_at_data", lambda *_, **__: (DataExtras(), None))
    monkeypatch.setattr(module, "measure_latencies", lambda _: {})


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


def test_figures_are_those_of_the_comparison(report_runs, pages):
    folders = [RunFolder.open(run) for run in report_runs]
    comparison = compare_runs({"a": folders[:3], "b": folders[3:]})
    for page in pages.values():
        _, text = read(page)
        for result in comparison.networks:
            assert f"{result.mean_top1:.2%}" in text
            for top1 in result.top1:
                assert f"{top1:.2%}" in text
        test = comparison.networks[1].test
        assert test is not None and points(test.difference) in text


def test_what_all_seeds_answer_together(report_runs, pages, without_answers, tmp_path, plain):
    folders = [RunFolder.open(run) for run in report_runs]
    for lang, page in pages.items():
        _, text = read(page)
        assert Text(lang)("results.together") in text and Text(lang)("results.together_note") in text
        for result in compare_runs({"a": folders[:3], "b": folders[3:]}).networks:
            assert result.ensemble is not None and f"{result.ensemble.top1:.2%}" in text
    for path in lab.report(without_answers(0, 1), out=tmp_path, formats=["html", "md", "pptx"]):
        assert "all together" not in in_words(path).lower()


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
    assert 'lang="zh-Hans"' in pages["zh"] and "效度威胁" in pages["zh"]


def test_networks_are_looked_into_once_for_both_languages(report_runs, tmp_path, plain, monkeypatch):
    asked = []
    monkeypatch.setattr(
        sys.modules[lab.report.__module__],
        "look_into",
        lambda network, **_: asked.append(network.name) or Findings(NetworkExtras()),
    )
    assert len(lab.report([report_runs[0], report_runs[3]], out=tmp_path, lang=["en", "zh"])) == 2
    assert asked == ["convnet_mnist", "convnet_fast"]


def test_an_unfinished_run_is_named_and_left_out(report_runs, tmp_path, plain):
    unfinished = tmp_path / "unfinished"
    shutil.copytree(report_runs[0], unfinished)
    (unfinished / "model.safetensors").unlink()
    (unfinished / "eval.json").unlink()
    (path,) = lab.report([*report_runs[1:3], unfinished], out=tmp_path / "out")
    _, text = read(path.read_text())
    assert "unfinished has not finished (step 8" in text and "seeds 1, 2" in text


def test_one_network_alone(report_runs, tmp_path, plain):
    (path,) = lab.report(report_runs[:1], out=tmp_path / "out")
    _, text = read(path.read_text())
    assert "How well does convnet_mnist classify the images of digits" in text and "Wilson" in text


def test_without_the_images_the_rest_is_told(report_runs, tmp_path, monkeypatch):
    copies = []
    for run in report_runs[:2]:
        copies.append(tmp_path / run.name)
        shutil.copytree(run, copies[-1])
        config = (copies[-1] / "config.toml").read_text()
        (copies[-1] / "config.toml").write_text(config.replace('name = "digits"', 'name = "./gone"'))
    said = []
    (path,) = lab.report(copies, out=tmp_path / "out", warn=said.append)
    _, text = read(path.read_text())
    assert "none can be shown, nor can they be checked" in text
    assert "without pictures of test images" in said[0] and len(said) == len(set(said))


def test_runs_without_weights_say_what_cannot_be_shown(report_runs, tmp_path):
    copies = []
    for run in report_runs:
        copies.append(shutil.copytree(run, tmp_path / Path(run).name))
        for name in ("model.safetensors", "predictions.safetensors"):
            (copies[-1] / name).unlink()
    said = []
    page, tables = lab.report(copies, out=tmp_path / "out", formats=["html", "md"], warn=said.append)
    _, text = read(page.read_text())
    assert "no temperature can be fitted" in text.lower() and "Latency cannot be measured" in text
    assert "no reliability curve" in text and "no mistakes can be shown" in text
    assert "325,514 parameters, 1.1 million multiply-adds" in text  # from the config alone
    assert any("model.safetensors" in line for line in said)
    assert any("predictions.safetensors" in line for line in said)
    assert "not in the folder" in tables.read_text()


def test_runs_of_seeds_that_others_lack_are_named(report_runs, tmp_path, plain):
    said = []
    (path,) = lab.report([*report_runs[:2], report_runs[3]], out=tmp_path, warn=said.append)
    _, text = read(path.read_text())
    name = Path(report_runs[1]).name
    assert f"{name} is left out: not every network has a run of its seed." in text
    assert f"{report_runs[1]}: is left out: not every network has a run of its seed." in said
    # One seed: a test over images, and no word of which network is better.
    assert "McNemar over images, seed 0" in text and "not of how they would do when trained again" in text
    assert " is better than " not in text and " is worse than " not in text


@pytest.mark.parametrize("num", [1, 2])
def test_runs_without_a_validation_are_named_and_others_keep_their_curves(report_runs, tmp_path, plain, num):
    runs = [shutil.copytree(report_runs[index], tmp_path / Path(report_runs[index]).name) for index in (0, 3)]
    for run in runs[:num]:
        lines = (run / "metrics.jsonl").read_text().splitlines(keepends=True)
        (run / "metrics.jsonl").write_text("".join(line for line in lines if '"val"' not in line))
    text = Text("en")
    for path in lab.report(runs, out=tmp_path / "out", formats=["html", "md", "pptx"]):
        words = in_words(path)
        if num == 1:
            assert text("training.missing", runs=runs[0].name) in words
            assert path.suffix != ".html" or text("training.per_epoch") in words
        assert (text("training.none") in words) == (num == 2)


@pytest.fixture
def without_answers(report_runs, tmp_path):
    """Return a function that copies runs of some seeds of both networks, and forgets what they answered."""

    def copy(*seeds):
        copies = []
        for run in (report_runs[first + seed] for first in (0, 3) for seed in seeds):
            copies.append(shutil.copytree(run, tmp_path / "forgetful" / Path(run).name))
            (copies[-1] / "predictions.safetensors").unlink()
        return copies

    return copy


@pytest.mark.parametrize("seeds", [(0,), (0, 1)])
def test_few_seeds_without_answers_are_not_tested_and_this_is_said(without_answers, tmp_path, plain, seeds):
    runs = without_answers(*seeds)
    written = lab.report(runs, out=tmp_path, lang=["en", "zh"], formats=["html", "md", "pptx"])
    top1 = [json.loads((run / "eval.json").read_text())["top1"] for run in runs]
    half = len(seeds)
    apart = points((sum(top1[half:]) - sum(top1[:half])) / half)
    said = {
        "en": ("not tested", f"convnet_fast against convnet_mnist: {apart} points. Whether that is chance"),
        "zh": ("未检验", f"convnet_fast 与 convnet_mnist 相差 {apart} 个百分点。无法检验这是否出于偶然"),
    }
    for path in written:
        lang = path.suffixes[0].removeprefix(".")
        words = in_words(path)
        cell, sentence = said[lang]
        assert sentence in words and cell in words
        assert " p = " not in words and "McNemar" not in words.replace("McNemar, ", "")
        assert Text(lang)("results.verdict_equal") not in words and " nan" not in words


def in_words(path):
    """Return what is read in a page, in slides or in Markdown, without the sources at the end."""
    if path.suffix == ".html":
        _, words = read(path.read_text(encoding="utf-8"))
        return words
    if path.suffix == ".md":
        return path.read_text(encoding="utf-8").replace("\\_", "_")
    shapes = [shape for slide in Presentation(str(path)).slides for shape in slide.shapes]
    frames = [shape.text_frame for shape in shapes if shape.has_text_frame]
    cells = [cell for shape in shapes if shape.has_table for row in shape.table.rows for cell in row.cells]
    return "\n".join(part.text for part in [*frames, *cells])


def test_one_seed_with_answers_is_tested_on_images(report_runs, tmp_path, plain):
    (path,) = lab.report([report_runs[0], report_runs[3]], out=tmp_path)
    assert "McNemar over images, seed 0" in in_words(path) and "not tested" not in in_words(path).lower()


def test_without_a_chinese_font(report_runs, tmp_path, plain, monkeypatch):
    module = sys.modules[lab.report.__module__]
    monkeypatch.setattr(module, "chinese_font", lambda: None)
    monkeypatch.setattr(module, "find_browser", lambda: "some/browser")
    said = []
    lab.report(report_runs[:1], out=tmp_path, lang="zh", warn=said.append)
    assert said and "words inside pictures are English" in said[0] and "fonts-noto-cjk" in said[0]
    with pytest.raises(MissingResourceError, match=r"boxes would stand for them.*fonts-noto-cjk"):
        lab.report(report_runs[:1], out=tmp_path, lang="zh", formats=["pdf"])


def damaged(run, tmp_path, name, content):
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    (copy / name).write_text(content)
    return copy


def test_bad_runs_are_named_in_a_line(report_runs, tmp_path):
    copy = damaged(report_runs[0], tmp_path, "eval.json", "{")
    with pytest.raises(RunError, match=r"copy/eval\.json"):
        lab.report([copy], out=tmp_path)
    (copy / "eval.json").unlink()
    with pytest.raises(RunError, match=r"has no test metrics\. Get them with: cnnlab evaluate "):
        lab.report([copy], out=tmp_path)
    with pytest.raises(RunError, match="another run of the same settings and seed"):
        lab.report([report_runs[0], shutil.copytree(report_runs[0], tmp_path / "twin")], out=tmp_path)
    with pytest.raises(RunError, match=r"no seed in common \(.*: 0; .*: 1\)"):
        lab.report([report_runs[0], report_runs[4]], out=tmp_path)
    other = shutil.copytree(report_runs[3], tmp_path / "other")
    values = json.loads((other / "eval.json").read_text())
    (other / "eval.json").write_text(json.dumps(values | {"fingerprint": "0" * 64, "data": "letters"}))
    with pytest.raises(RunError, match="images of letters, not those of"):
        lab.report([report_runs[0], other], out=tmp_path)


def test_two_seeds_show_the_difference_of_the_one_that_is_tested(report_runs, tmp_path, plain):
    runs = [report_runs[at] for at in (0, 1, 3, 4)]
    top1 = [json.loads((run / "eval.json").read_text())["top1"] for run in runs]
    assert points(top1[2] - top1[0]) != points((top1[2] + top1[3] - top1[0] - top1[1]) / 2)
    (path,) = lab.report(runs, out=tmp_path)
    assert f"{points(top1[2] - top1[0])} (seed 0)" in in_words(path)


@pytest.fixture
def three_networks(report_runs, tmp_path):
    """Runs of both networks, and of a third one that is the second under another name."""
    thirds = []
    for run in report_runs[3:]:
        copy = shutil.copytree(run, tmp_path / "third" / run.name)
        config = (copy / "config.toml").read_text()
        (copy / "config.toml").write_text(config.replace('recipe = ""', 'recipe = "third"'))
        thirds.append(copy)
        assert RunFolder.open(copy).config.recipe == "third"
    return [*report_runs, *thirds]


def test_who_is_best_is_said_with_those_it_cannot_be_told_apart_from(three_networks, tmp_path, plain):
    (path,) = lab.report(three_networks, out=tmp_path)
    words = in_words(path)
    assert "cannot be told apart from" in words.partition("has the highest mean accuracy")[2][:200]
    assert "(each of the others against it: paired t over seeds, p by Holm's method)" in words
    assert "Since 3 pairs are compared, p is Holm's" in words and "S. Holm" in words


def test_the_fastest_is_named_where_all_had_the_same_hardware(report_runs, tmp_path, plain):
    (path,) = lab.report(report_runs, out=tmp_path)
    assert "trains fastest" in in_words(path) and "has the fewest parameters" in in_words(path)
    other = shutil.copytree(report_runs[3], tmp_path / "elsewhere" / report_runs[3].name)
    environment = json.loads((other / "environment.json").read_text())
    environment["execution"]["hardware"] = "Another processor"
    environment["packages"]["torch"] = "2.11.0"
    (other / "environment.json").write_text(json.dumps(environment))
    (path,) = lab.report([*report_runs[:3], other, *report_runs[4:]], out=tmp_path)
    words = in_words(path)
    assert "trains fastest" not in words and "their times cannot be compared" in words
    here = json.loads((report_runs[0] / "environment.json").read_text())["packages"]["torch"]
    assert f"torch {here} / 2.11.0" in words


def test_a_run_that_is_left_out_says_nothing_of_the_others(report_runs, tmp_path, plain):
    alone = shutil.copytree(report_runs[2], tmp_path / "seed2" / report_runs[2].name)
    environment = json.loads((alone / "environment.json").read_text())
    environment["data"]["train"]["num_images"] = 123_456
    (alone / "environment.json").write_text(json.dumps(environment))
    (path,) = lab.report([alone, *report_runs[:2], *report_runs[3:5]], out=tmp_path)
    assert "is left out" in in_words(path) and "123,456" not in in_words(path)


@pytest.mark.parametrize(
    ("name", "change", "line"),
    [
        ("eval.json", lambda values: values["per_class"].pop("3"), r"eval\.json: damaged: per_class: "),
        ("eval.json", lambda values: values["confusion_matrix"].pop(), r"eval\.json: damaged: confusion_mat"),
        ("eval.json", lambda values: values.update(top1=1.0), r"predictions\.safetensors: does not hold the"),
        ("cost.json", lambda values: values.pop("epochs"), r"cost\.json lacks 'epochs'\. Train it again"),
        ("cost.json", lambda values: values.pop("steps"), r"cost\.json lacks 'steps'\. Train it again"),
    ],
)
def test_files_that_lack_something_are_named(report_runs, tmp_path, plain, name, change, line):
    copy = shutil.copytree(report_runs[0], tmp_path / "copy")
    values = json.loads((copy / name).read_text())
    change(values)
    (copy / name).write_text(json.dumps(values))
    with pytest.raises(RunError, match=line):
        lab.report([copy], out=tmp_path)


def test_metrics_without_times_are_named(report_runs, tmp_path, plain):
    copy = shutil.copytree(report_runs[0], tmp_path / "copy")
    lines = [json.loads(line) for line in (copy / "metrics.jsonl").read_text().splitlines()]
    lines[1].pop("seconds")
    (copy / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(RunError, match=r"copy: line 2 of metrics\.jsonl lacks 'seconds'\. Train again"):
        lab.report([copy], out=tmp_path)


def test_a_run_in_a_folder_of_any_name_is_reported(report_runs, tmp_path, plain):
    copy = shutil.copytree(report_runs[0], tmp_path / "odd\udcff <b>")
    for path in lab.report([copy], out=tmp_path / "out", formats=["html", "md", "pptx"]):
        assert path.stat().st_size > 1000


def test_a_run_without_its_environment_is_the_one_that_is_named(report_runs, tmp_path, plain):
    copy = shutil.copytree(report_runs[0], tmp_path / "copy")
    (copy / "environment.json").unlink()
    with pytest.raises(
        RunError, match=r"copy: environment\.json does not say which train images it has seen"
    ):
        lab.report([copy, report_runs[3]], out=tmp_path)


def test_weights_of_another_network_are_refused(report_runs, tmp_path):
    copy = shutil.copytree(report_runs[0], tmp_path / "copy")
    shutil.copy(report_runs[3] / "model.safetensors", copy)
    with pytest.raises(
        RunError, match=r"holds the weights of convnet_fast, but config\.toml.* of convnet_mnist"
    ):
        lab.report([copy], out=tmp_path)


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"lang": "fr"}, r"--lang: must be en or zh\. Received: fr\."),
        ({"author": "A" * 201}, r"--author: must be one line of at most 200 letters.*'A{40}'\.\.\.\."),
        ({"title": "one\ntwo"}, r"--title: must be one line .* Received: 'one\\ntwo'\."),
        ({"course": "\udcff"}, r"--course: must be one line .*UTF-8\. Received: '\\udcff'\."),
        ({"formats": ["doc"]}, r"--format: must be of html.*\. Received: doc\."),
    ],
)
def test_bad_options(report_runs, tmp_path, options, line):
    with pytest.raises(ConfigError, match=line):
        lab.report(report_runs[:1], out=tmp_path, **options)


def test_no_runs(tmp_path):
    with pytest.raises(ConfigError, match="name at least one run folder"):
        lab.report([], out=tmp_path)
