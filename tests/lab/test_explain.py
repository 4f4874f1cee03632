"""`explain`: every picture and the page, for grey and colour, deep and flat, with and without test images."""

import csv
import re
import shutil
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from cnnlab import lab
from cnnlab.errors import ConfigError, MissingResourceError, RunError
from cnnlab.evaluation import load_predictions
from cnnlab.explain import suspected_labels
from cnnlab.lab import explain_pictures
from cnnlab.reporting import chinese_font
from cnnlab.runs import RunFolder, load_weights, save_weights

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
    assert re.search(r'<th scope="row">features\.conv1</th><td>Conv2d</td><td>32 x 8 x 8</td><td>\d', page)


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


def small_folder(place, *, num_images):
    """Write two classes of pictures, light and dark."""
    for label, grey in (("dark", 60), ("light", 200)):
        (place / label).mkdir(parents=True)
        for number in range(num_images):
            Image.new("RGB", (16, 16), (grey + number, grey, grey)).save(place / label / f"{number}.png")
    return place


def test_few_test_images_make_no_map(tmp_path):
    folder = small_folder(tmp_path / "pictures", num_images=10)
    run = lab.train("convnet_mnist", data=str(folder), steps=2, out=tmp_path, threads=1)
    said = []
    lab.explain(run, out=tmp_path / "out", warn=said.append)
    assert stems(tmp_path / "out") == STEMS - {"map"}
    assert any("without a map of images, which takes 5; test has 2" in line for line in said)


def test_labels_that_may_be_wrong_are_named_by_their_files(tmp_path, monkeypatch):
    folder = small_folder(tmp_path / "pictures", num_images=30)
    for number in range(0, 30, 2):  # labels that are wrong
        Image.new("RGB", (16, 16), (200 + number, 200, 200)).save(folder / "dark" / f"{number}.png")
    (folder / "dark" / "00.png").write_bytes(b"no picture")
    for number in range(1, 30, 2):
        (folder / "dark" / f"{number}.png").rename(folder / "dark" / f"odd\udcff{number}.png")
    run = lab.train("convnet_mnist", data=str(folder), steps=2, out=tmp_path, threads=1)
    monkeypatch.setattr(module, "suspected_labels", partial(suspected_labels, sure=0.0))
    lab.explain(run, out=tmp_path / "out")
    stored = load_predictions(RunFolder(Path(run)))
    rows = list(csv.DictReader((tmp_path / "out" / "labels.csv").read_text().splitlines()))
    assert len(rows) == int((~stored.is_correct).sum()) > 0
    test = lab.splits.load_split(RunFolder(Path(run)), "test")
    for row in rows:
        image = np.array(Image.open(folder / row["file"]))
        seen = test.images[int(row["test_image"])]
        assert row["file"].startswith(f"{row['label']}/")
        assert int(seen[0, 0, 0]) == image[0, 0, 0]  # each picture has a red of its own


def test_the_answer_of_the_run_is_explained_not_that_of_one_view(run, tmp_path):
    copy = Path(shutil.copytree(run, tmp_path / "copy"))
    folder = RunFolder(copy)
    stored = load_predictions(folder)
    weights, description = load_weights(folder.predictions)
    sure = int(torch.where(stored.is_correct, -1.0, stored.probs.amax(1)).argmax())
    other = int(stored.labels[sure] + 1) % 10
    if other == int(stored.probs[sure].argmax()):
        other = (other + 1) % 10
    weights["probs"][sure] = torch.full((10,), 0.0005).index_fill(0, torch.tensor([other]), 0.9955)
    save_weights(folder.predictions, weights, description)
    result = lab.explain(copy, out=tmp_path / "out")
    first = result["images"][0]
    assert (first["name"], first["label"]) == (f"test image {sure}", stored.class_names[other])
    assert first["prob"] == pytest.approx(0.9955)


def test_pictures_of_ones_own(run, tmp_path):
    digits = torch.zeros(40, 40, dtype=torch.uint8)
    digits[8:32, 19:22] = 255
    Image.fromarray(digits.numpy()).save(tmp_path / "one.png")
    result = lab.explain(run, tmp_path / "one.png", out=tmp_path / "out", method="tsne")
    assert [image["true"] for image in result["images"]] == [None]
    assert stems(tmp_path / "out") == STEMS


def test_a_picture_of_any_name_is_explained(run, tmp_path, capsys):
    digit = torch.zeros(40, 40, dtype=torch.uint8)
    digit[8:32, 19:22] = 255
    path = (
        tmp_path
        / "odd\udcff \x1b[31m \N{ROCKET} and a name that is far too long to stand below its image.png"
    )
    Image.fromarray(digit.numpy()).save(path)
    result = lab.explain(run, path, out=tmp_path / "out")
    assert result["images"][0]["name"] == str(path) and stems(tmp_path / "out") == STEMS
    assert "Warning" not in capsys.readouterr().err


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
