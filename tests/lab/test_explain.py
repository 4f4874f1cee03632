"""`explain`: every picture and the page, for grey and colour, deep and flat, with and without test images."""

import csv
import re
import shutil
import sys
from functools import partial
from pathlib import Path

import pytest
import torch
from PIL import Image

from cnnlab import lab
from cnnlab.errors import ConfigError, MissingResourceError, RunError
from cnnlab.evaluation import load_predictions
from cnnlab.explain import suspected_labels
from cnnlab.lab import explain_pictures
from cnnlab.reporting import chinese_font
from cnnlab.runs import RunFolder

module = sys.modules[lab.explain.__module__]
STEMS = {"diagram", "filters", "layers", "pixels", "answers", "map"}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run on digits that makes mistakes."""
    out = tmp_path_factory.mktemp("runs")
    return lab.train("convnet_mnist", data="digits", steps=12, out=out, threads=1)


def stems(folder):
    return {path.stem for path in Path(folder).iterdir() if path.suffix == ".png"}


def test_everything_is_drawn_and_shown(run):
    result = lab.explain(run)
    out = Path(result["out"])
    assert out == Path(run) / "explain" and stems(out) == STEMS
    assert {Path(name).name for name in result["files"]} == {path.name for path in out.iterdir()}
    for path in out.glob("*.png"):
        Image.open(path).verify()
        assert path.with_suffix(".svg").read_text().startswith("<?xml")
    page = (out / "index.html").read_text()
    sources = re.findall(r'src="([^"]+)"', page)
    assert {Path(source).stem for source in sources} == STEMS
    assert all((out / source).exists() for source in sources)
    assert len(re.findall(r'alt="[^"]{20,}"', page)) == len(STEMS)
    assert "http" not in page  # nothing is loaded from elsewhere


def words_of(out):
    """Return what is read on the page and in its pictures, whose letters stay letters in SVG."""
    page = (out / "index.html").read_text(encoding="utf-8").partition("<body>")[2]
    said = " ".join(re.findall(r'alt="([^"]+)"', page) + re.findall(r">([^<]+)<", page))
    drawn = [re.findall(r"<text[^>]*>([^<]+)</text>", path.read_text("utf-8")) for path in out.glob("*.svg")]
    return said, " ".join(words for picture in drawn for words in picture)


def test_in_chinese_nothing_is_left_in_english(run, tmp_path):
    if chinese_font() is None:
        pytest.skip("no font with Chinese letters here")
    english = lab.explain(run, out=tmp_path / "en")
    chinese = lab.explain(run, out=tmp_path / "zh", lang="zh")
    assert chinese["images"] == english["images"]  # for programs, whatever the page speaks
    assert (tmp_path / "zh" / "labels.csv").read_text() == (tmp_path / "en" / "labels.csv").read_text()
    assert 'lang="zh-Hans"' in (tmp_path / "zh" / "index.html").read_text(encoding="utf-8")
    told = {"en": words_of(tmp_path / "en"), "zh": words_of(tmp_path / "zh")}
    # Names of layers, networks and methods are the same; no sentence and no heading is.
    for word in ("test image", "true", "the", "of", "image", "map", "sure", "mistakes"):
        assert re.search(rf"\b{word}\b", " ".join(told["en"]), re.IGNORECASE), word
        assert not re.search(rf"\b{word}\b", " ".join(told["zh"]), re.IGNORECASE), word
    said, drawn = told["zh"]
    assert "哪些像素起作用" in said and "各层如何处理测试图像" in drawn and "真实" in drawn


def test_without_a_chinese_font_pictures_are_english(run, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "chinese_font", lambda: None)
    notes = []
    lab.explain(run, out=tmp_path, lang="zh", warn=notes.append)
    said, drawn = words_of(tmp_path)
    assert "哪些像素起作用" in said and "saliency" in drawn and "真实" not in drawn
    assert len(notes) == 1 and "the words inside pictures are English" in notes[0]


def test_the_surest_mistakes_come_first(run):
    stored = load_predictions(RunFolder(Path(run)))
    wrong = torch.nonzero(~stored.is_correct).flatten()
    surest = int(wrong[stored.probs[wrong].amax(1).argmax()])
    images = lab.explain(run)["images"]
    assert images[0]["name"] == f"test image {surest}" and images[0]["label"] != images[0]["true"]
    assert images[0]["prob"] == pytest.approx(float(stored.probs[surest].max()), abs=1e-5)
    assert images[-1]["label"] == images[-1]["true"]


def test_labels_that_may_be_wrong(run, monkeypatch):
    stored = load_predictions(RunFolder(Path(run)))
    monkeypatch.setattr(module, "suspected_labels", partial(suspected_labels, sure=0.15))
    out = Path(lab.explain(run)["out"])
    expected = suspected_labels(stored.labels, stored.probs, sure=0.15)
    rows = list(csv.DictReader((out / "labels.csv").read_text().splitlines()))
    assert expected and [int(row["test_image"]) for row in rows] == [answer.index for answer in expected]
    names = stored.class_names
    assert rows[0]["label"] == names[expected[0].true]
    assert rows[0]["network_says"] == names[expected[0].predicted]


def test_pictures_of_ones_own(run, tmp_path):
    digits = torch.zeros(40, 40, dtype=torch.uint8)
    digits[8:32, 19:22] = 255
    Image.fromarray(digits.numpy()).save(tmp_path / "one.png")
    result = lab.explain(run, tmp_path / "one.png", out=tmp_path / "out", method="tsne")
    assert [image["true"] for image in result["images"]] == [None]
    assert stems(tmp_path / "out") == STEMS


def test_without_test_images_the_rest_is_drawn(run, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    (copy / "predictions.safetensors").unlink()
    Image.new("L", (8, 8), 0).save(tmp_path / "black.png")
    digits = torch.zeros(40, 40, dtype=torch.uint8)
    digits[8:32, 19:22] = 255
    Image.fromarray(digits.numpy()).save(tmp_path / "one.png")
    said = []
    lab.explain(copy, tmp_path / "one.png", out=tmp_path / "out", warn=said.append)
    assert stems(tmp_path / "out") == STEMS - {"answers", "map"}
    assert len(said) == 1 and "predictions.safetensors: is not there" in said[0]
    with pytest.raises(RunError, match="is not there"):
        lab.explain(copy)


def test_a_deep_network_gets_several_pictures(run, tmp_path, monkeypatch):
    monkeypatch.setattr(explain_pictures, "MAX_LAYERS", 4)
    lab.explain(run, out=tmp_path / "out")
    assert {"layers-1", "layers-2"} <= stems(tmp_path / "out")


def test_colour_images_and_blocks(tmp_path):
    run = lab.train("resnet20", data="synthetic:3x16x16x60", steps=2, batch_size=8, out=tmp_path, threads=1)
    assert stems(lab.explain(run)["out"]) == STEMS


@pytest.mark.parametrize(
    ("options", "error", "line"),
    [
        ({"method": "umap"}, ConfigError, r"method: must be pca or tsne\. Received: umap\."),
        ({"lang": "fr"}, ConfigError, r"lang: must be en or zh\. Received: fr\."),
        ({"sources": "none.png"}, MissingResourceError, "none.png: no such file"),
    ],
)
def test_mistakes_are_told_in_a_line(run, options, error, line):
    with pytest.raises(error, match=line):
        lab.explain(run, **options)


def test_too_many_pictures(run, tmp_path):
    for number in range(13):
        Image.new("L", (8, 8), 255).save(tmp_path / f"{number}.png")
    with pytest.raises(ConfigError, match=r"takes at most 12 pictures\. Received: 13\."):
        lab.explain(run, tmp_path)
