"""The page as a folder: whole or not at all; its test images are answered as the run answered them."""

import base64
import io
import json
import shutil

import numpy as np
import pytest
from PIL import Image

import cnnlab
from cnnlab.cli import main
from cnnlab.errors import ExportError
from cnnlab.evaluation import load_predictions
from cnnlab.export import exporter, timing
from cnnlab.lab import export
from cnnlab.page import RUNTIME, files, page_files
from cnnlab.runs import RunFolder


@pytest.fixture(autouse=True)
def briefly(monkeypatch, tmp_path):
    """Times are not what these tests are about; and the runtime's bytes are not either."""
    monkeypatch.setattr(timing, "SECONDS", 0.0)
    monkeypatch.setattr(timing, "FEWEST", 1)
    monkeypatch.setattr(files, "RUNTIME_FOLDER", tmp_path / "runtime")
    (tmp_path / "runtime").mkdir()
    for name in RUNTIME:
        (tmp_path / "runtime" / name).write_text(name)


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory):
    """A finished run that makes mistakes; on images that were brought to another size."""
    out = tmp_path_factory.mktemp("evaluated")
    options = {"data": "digits", "steps": 10, "threads": 1, "out": out}
    return RunFolder(cnnlab.train("convnet_fast", changes={"data.image_size": 16}, **options))


def test_several_runs_become_one_folder(evaluated, run, tmp_path):
    said = []
    result = export([evaluated.path, run.path], ["web"], out=tmp_path / "out", threads=1, warn=said.append)
    folder = tmp_path / "out" / "web"
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["web"]
    networks = [f"page/networks/{name}.onnx" for name in (evaluated.name, run.name)]
    assert [row.path for row in result.rows] == [folder / name for name in networks] and not result.problems
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    gallery = f"page/networks/{evaluated.name}.gallery.json"
    runtime = {f"page/runtime/{name}" for name in RUNTIME}
    assert found == {*page_files(), *networks, gallery, "page/networks.json", *runtime}
    listed = json.loads((folder / "page" / "networks.json").read_text())
    assert listed["runtime"] and not listed["server"] and listed["version"] == cnnlab.__version__
    assert [entry["gallery"] for entry in listed["networks"]] == [f"{evaluated.name}.gallery.json", None]
    assert len(said) == 1 and "cnnlab evaluate" in said[0] and "no test images" in said[0]


def test_test_images_are_answered_as_the_run_has_answered_them(evaluated, tmp_path):
    (row,) = export(evaluated.path, gallery=True, out=tmp_path, threads=1).rows
    network = cnnlab.load_export(row.path, threads=1)
    stored = load_predictions(evaluated)
    images = json.loads((tmp_path / f"{evaluated.name}.gallery.json").read_text())["images"]
    is_right = [image["label"] == image["predicted"] for image in images]
    assert sum(is_right) >= 2 and is_right == sorted(is_right, reverse=True) and not all(is_right)
    mistakes = [image["probability"] for image in images if image["label"] != image["predicted"]]
    assert mistakes == sorted(mistakes, reverse=True)
    for image in images:
        png = base64.b64decode(image["png"])
        assert Image.open(io.BytesIO(png)).size == (8, 8)  # as they were before they were brought to 16 x 16
        probs = network.probs(network.prepare(Image.open(io.BytesIO(png)))[None])[0]
        assert np.abs(probs - stored.probs[image["index"]].numpy()).max() < 1e-4
        assert image["label"] == int(stored.labels[image["index"]]) and image["predicted"] == probs.argmax()


def test_a_network_that_does_not_pass_is_not_in_the_folder_and_none_leaves_an_earlier_one(
    evaluated, run, tmp_path, monkeypatch
):
    export(evaluated.path, ["web"], out=tmp_path / "out", threads=1)
    page = tmp_path / "out" / "web" / "index.html"
    before = page.stat().st_mtime_ns
    with monkeypatch.context() as patch:
        patch.setattr(exporter.gate, "TOLERANCE", -1.0)
        patch.setattr(exporter.gate, "ROUNDING", -1.0)
        assert len(export([evaluated.path, run.path], ["web"], out=tmp_path / "out", threads=1).problems) == 2
    assert page.stat().st_mtime_ns == before and len(list((tmp_path / "out").iterdir())) == 1
    export(run.path, ["web"], out=tmp_path / "out", threads=1)
    assert [path.name for path in (page.parent / "page" / "networks").iterdir()] == [f"{run.name}.onnx"]


def test_a_folder_that_is_no_page_stays(evaluated, tmp_path):
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "mine.txt").write_text("mine")
    with pytest.raises(ExportError, match=r"it holds .mine\.txt., which no export has written"):
        export(evaluated.path, ["web"], out=tmp_path, threads=1)
    assert (tmp_path / "web" / "mine.txt").read_text() == "mine"


def test_without_the_runtime_one_line_says_what_to_run(evaluated, tmp_path, capsys):
    shutil.rmtree(tmp_path / "runtime")
    with pytest.raises(SystemExit) as ended:
        main(["export", str(evaluated.path), "--format", "web", "--out", str(tmp_path / "out")])
    message = capsys.readouterr().err
    assert ended.value.code == 3 and message.count("\n") == 1 and "make page-runtime" in message
    assert not list((tmp_path / "out").iterdir())
