"""A run becomes a file that answers as it does, or no file."""

import json
import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import cnnlab
from cnnlab.cli import main
from cnnlab.errors import CheckFailedError, ConfigError, MissingResourceError, RunError
from cnnlab.evaluation import load_run, predict_probs
from cnnlab.export import exporter, forms, timing, weights_sum
from cnnlab.export.encoded import Answers, files_of
from cnnlab.export.unfinished import Unfinished
from cnnlab.export.weights_sum import read_weights_sum
from cnnlab.lab import export
from cnnlab.lab.splits import load_split
from cnnlab.runs import weights


@pytest.fixture(autouse=True)
def briefly(monkeypatch):
    """Times are not what these tests are about."""
    monkeypatch.setattr(timing, "SECONDS", 0.0)
    monkeypatch.setattr(timing, "FEWEST", 1)


@pytest.fixture
def perturbed(monkeypatch):
    """Let one weight of each exported network be another than the run's."""

    def with_another_weight(*args, **options):
        graph = graph_of(*args, **options)
        first = graph.layers[0]
        weight = first.weights["weight"].copy()
        weight.flat[0] += 0.05
        changed = replace(first, weights=first.weights | {"weight": weight})
        return replace(graph, layers=(changed, *graph.layers[1:]))

    graph_of = forms.graph_of
    monkeypatch.setattr(forms, "graph_of", with_another_weight)


def test_the_file_answers_as_the_run(run, tmp_path):
    result = export(run.path, out=tmp_path / "out", threads=1)
    (row,) = result.rows
    assert not result.problems and row.path == tmp_path / "out" / f"{run.name}.onnx"
    assert [path.name for path in (tmp_path / "out").iterdir()] == [row.path.name]
    assert row.num_bytes == row.path.stat().st_size and row.largest_difference < 1e-4
    assert row.top1 == result.references[0].top1 > 0.5
    loaded, exported = load_run(run.path), cnnlab.load_export(row.path, threads=1)
    test = load_split(run, "test")
    pixels = test.images[:50]
    found = exported.probs(exported.description.preparation.inputs(pixels.numpy()))
    assert np.abs(found - predict_probs(loaded, pixels).numpy()).max() < 1e-5
    assert exported.dataset == "digits" and exported.network == "convnet_mnist"


def test_a_network_with_another_weight_leaves_no_file(run, tmp_path, perturbed, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["export", str(run.path), "--out", str(tmp_path / "out"), "--threads", "1"])
    assert ended.value.code == 1
    message = capsys.readouterr().err
    assert f"{run.name}: onnx: its logits differ from the network's by up to" in message
    assert "No file was written." in message and message.count("\n") == 1
    assert not list((tmp_path / "out").iterdir())


def test_encoded_files_that_are_answered_otherwise_leave_no_file(run, tmp_path, monkeypatch, capsys):
    def write_and_answer(self, source, path, pixels):
        measured = write(self, source, path, pixels)
        nothing = np.zeros((len(files_of(pixels)), 10), dtype=np.float32)
        return replace(measured, answers=Answers([""] * len(nothing), nothing[:, 0], nothing))

    write = forms.OnnxForm.write
    monkeypatch.setattr(forms.OnnxForm, "write", write_and_answer)
    with pytest.raises(SystemExit) as ended:
        main(["export", str(run.path), "--out", str(tmp_path / "out"), "--threads", "1"])
    assert ended.value.code == 1
    message = capsys.readouterr().err
    assert (
        f"{run.name}: onnx: its probabilities for encoded files differ from the network's by up to" in message
    )
    assert "No file was written." in message and not list((tmp_path / "out").iterdir())


def test_an_earlier_file_is_replaced_whole_or_not_at_all(run, tmp_path, monkeypatch):
    (row,) = export(run.path, out=tmp_path, threads=1).rows
    first = row.path.read_bytes()
    row.path.write_bytes(b"older")
    with monkeypatch.context() as patched:
        patched.setattr(exporter.gate, "TOLERANCE", -1.0)
        patched.setattr(exporter.gate, "ROUNDING", -1.0)
        assert export(run.path, out=tmp_path, threads=1).problems
    assert row.path.read_bytes() == b"older"
    export(run.path, out=tmp_path, threads=1)
    assert row.path.read_bytes() == first


def test_int8_is_calibrated_on_training_images_and_says_what_it_costs(run, tmp_path):
    _, row = export(run.path, int8=True, out=tmp_path, threads=1).rows
    exported = cnnlab.load_export(row.path, threads=1)
    assert exported.precision == "int8" and row.path.name == f"{run.name}-int8.onnx"
    assert row.num_bytes < 0.5 * (tmp_path / f"{run.name}.onnx").stat().st_size
    assert row.drop <= 0.005 and row.num_drop_images == len(load_split(run, "test"))


def test_int8_that_costs_too_much_needs_a_word(run, tmp_path, monkeypatch):
    monkeypatch.setattr(exporter.gate, "LARGEST_DROP", -1.0)
    refused = export(run.path, int8=True, out=tmp_path / "out", threads=1)
    assert len(refused.problems) == 1 and "more with --allow-drop" in refused.problems[0]
    assert [path.name for path in (tmp_path / "out").iterdir()] == [f"{run.name}.onnx"]
    allowed = export(run.path, int8=True, allow_drop=True, out=tmp_path / "out", threads=1)
    assert not allowed.problems and allowed.rows[1].path.exists()


def test_pt2_has_its_description_beside_it_and_takes_any_batch(run, tmp_path):
    (row,) = export(run.path, ["pt2"], out=tmp_path, threads=1).rows
    description = json.loads((tmp_path / f"{run.name}.pt2.json").read_text())
    assert description["class_names"] == list(load_run(run.path).class_names)
    assert description["input"]["layout"] == "N x C x H x W"
    forward = forms.own_pt2(row.path)
    assert [forward(np.zeros((num, 1, 8, 8), dtype=np.float32)).shape for num in (1, 7)] == [(1, 10), (7, 10)]


def test_a_form_that_fails_leaves_the_others(run, tmp_path, monkeypatch, capsys):
    def fail(*_args):
        raise CheckFailedError("It does not work.")

    monkeypatch.setattr(forms.Pt2Form, "write", fail)
    with pytest.raises(SystemExit) as ended:
        main(["export", str(run.path), "--format", "pt2,onnx", "--out", str(tmp_path), "--json"])
    printed, errors = capsys.readouterr()
    found = json.loads(printed)
    assert ended.value.code == 1
    assert errors == f"{run.name}: pt2: It does not work. No file was written.\n"
    assert [row["form"] for row in found["exports"]] == ["onnx"] and (tmp_path / f"{run.name}.onnx").is_file()
    assert found["failed"] == [{"run": run.name, "form": "pt2", "problem": "It does not work."}]


def test_a_refused_form_gets_no_star(run, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(exporter.gate, "LARGEST_DROP", -1.0)
    with pytest.raises(SystemExit):
        main(["export", str(run.path), "--int8", "--out", str(tmp_path)])
    printed = capsys.readouterr().out
    refused, others = [], []
    for line in printed.splitlines():
        (refused if line.startswith("int8, refused") else others).append(line)
    assert len(refused) == 1 and "*" not in refused[0]
    rows = [line for line in others if line.startswith(("run ", "onnx "))]
    assert sum(line.count("*") for line in rows) >= 5  # size, three times, and accuracy for both


@pytest.mark.parametrize("form", ["onnx", "pt2"])
def test_a_folder_in_the_place_of_a_file_stays(form, run, tmp_path):
    notes = tmp_path / "out" / f"{run.name}.{form}" / "notes.txt"
    notes.parent.mkdir(parents=True)
    notes.write_text("mine")
    result = export(run.path, [form], out=notes.parents[1], threads=1)
    assert not result.rows and "is in the way: it is a folder. Remove or rename it." in result.problems[0]
    assert notes.read_text() == "mine" and list(notes.parents[1].iterdir()) == [notes.parent]


def test_what_a_killed_export_has_left_is_removed(run, tmp_path):
    name = f"{run.name}.onnx"
    left, of_another = tmp_path / f".999999999.tmp.{name}", tmp_path / ".999999999.tmp.other.onnx"
    young, alive = tmp_path / f".999999998.tmp.{name}", tmp_path / f".{os.getppid()}.tmp.{name}"
    for path in (left, of_another, young, alive):
        path.write_text("x")
        os.utime(path, (0, 0)) if path is not young else None
    export(run.path, out=tmp_path, threads=1)
    assert not left.exists() and of_another.exists() and young.exists() and alive.exists()


def test_what_was_replaced_when_an_export_was_killed_comes_back(run, tmp_path):
    old = tmp_path / f".999999999.old.{run.name}.onnx"
    old.write_text("the only copy")
    os.utime(old, (0, 0))
    with Unfinished(tmp_path / f"{run.name}.onnx"):
        pass
    assert not old.exists() and (tmp_path / f"{run.name}.onnx").read_text() == "the only copy"


def test_what_another_export_finishes_meanwhile_is_no_fault(tmp_path, monkeypatch):
    gone = tmp_path / ".999999999.tmp.network.onnx"  # listed, and renamed before it is looked at
    monkeypatch.setattr(Path, "glob", lambda _folder, _pattern: [gone])
    with Unfinished(tmp_path / "network.onnx"):
        pass


def test_a_link_is_followed(run, tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "network.onnx").write_text("old")
    link = tmp_path / f"{run.name}.onnx"
    link.symlink_to("there/network.onnx")
    export(run.path, out=tmp_path, threads=1)
    assert link.is_symlink() and cnnlab.load_export(tmp_path / "there" / "network.onnx")


def test_an_export_knows_its_weights(run, tmp_path):
    (row,) = export(run.path, out=tmp_path, threads=1).rows
    own = cnnlab.load_export(row.path).description.weights
    assert len(own) == 64 and own == read_weights_sum(run.weights)
    assert weights_sum.METADATA == weights.METADATA
    assert weights_sum.MAX_HEADER_BYTES == weights.MAX_HEADER_BYTES
    cut = tmp_path / "cut.safetensors"
    for content in (b"", b"\xff" * 20, run.weights.read_bytes()[:100]):
        cut.write_bytes(content)
        assert read_weights_sum(cut) == ""


def test_test_images_of_an_earlier_export_are_removed(run, tmp_path):
    old = tmp_path / f"{run.name}.gallery.json"
    old.write_text("{}")
    export(run.path, out=tmp_path, threads=1)
    assert not old.exists()


def test_the_command_prints_a_table_or_json(run, tmp_path, capsys):
    options = [str(run.path), "--out", str(tmp_path), "--threads", "1"]
    with pytest.raises(SystemExit) as ended:
        main(["export", *options, "--json"])
    assert ended.value.code == 0
    printed = json.loads(capsys.readouterr().out)
    assert [row["form"] for row in printed["exports"]] == ["onnx"] and printed["threads"] == 1
    assert printed["exports"][0]["timing"].keys() == {"latency_1", "latency_32", "throughput"}
    with pytest.raises(SystemExit):
        main(["export", *options])
    table = capsys.readouterr().out
    assert "logits differ" in table and table.count("*") >= 5  # four columns, and what a star means


def test_a_run_without_weights(run, tmp_path):
    run.weights.unlink()
    with pytest.raises(RunError, match=r"model\.safetensors"):
        export(run.path, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_data_that_is_not_here(run, tmp_path):
    text = run.path.joinpath("config.toml").read_text()
    run.path.joinpath("config.toml").write_text(text.replace('name = "digits"', 'name = "mnist"'))
    with pytest.raises(MissingResourceError, match="mnist"):
        export(run.path, out=tmp_path / "out", threads=1)
    assert not list((tmp_path / "out").iterdir())


def test_packages_that_are_not_installed(run, tmp_path, monkeypatch):
    for package in ("onnx", "onnxruntime"):
        with monkeypatch.context() as patched:
            patched.setitem(sys.modules, package, None)
            with pytest.raises(MissingResourceError, match=r"pip install 'cnnlab\[export\]'"):
                export(run.path, out=tmp_path / "out", threads=1)
        assert not list((tmp_path / "out").iterdir())


def test_no_tensorflow(run, tmp_path, monkeypatch):
    monkeypatch.setenv("CNNLAB_TENSORFLOW", str(tmp_path / "python"))
    with pytest.raises(MissingResourceError, match=r"make \.venv-tensorflow/\.installed"):
        export(run.path, ["savedmodel"], out=tmp_path / "out")


def test_wrong_arguments(run, tmp_path):
    with pytest.raises(ConfigError, match=r"no form 'onx'\. Did you mean 'onnx'"):
        export(run.path, ["onx"], out=tmp_path)
    with pytest.raises(ConfigError, match="threads: must be a whole number, 1 to 1024"):
        export(run.path, threads=0, out=tmp_path)
    shutil.copytree(run.path, tmp_path / "again" / run.name)
    with pytest.raises(ConfigError, match="two runs are called"):
        export([run.path, tmp_path / "again" / run.name], out=tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_takes_no_files(run, tmp_path):
    (tmp_path / "locked").mkdir(mode=0o500)
    with pytest.raises(MissingResourceError, match="cannot be written"):
        export(run.path, out=tmp_path / "locked", threads=1)
