"""Names of files and classes that hold what a line or a text cannot."""

import csv
import io
import json
import os

import numpy as np
import pytest
from PIL import Image

from cnnlab.cli.output import escaped


def save(path: bytes, shade: int = 255) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        Image.fromarray(np.full((40, 40), shade, np.uint8)).save(file, "PNG")


def make_pets(root, *names: bytes) -> None:
    for label, name in enumerate(names):
        for index in range(12):
            save(os.path.join(os.fsencode(root), name, b"%d.png" % index), 20 * index + label)


def test_escapes():
    assert escaped("a\nb\x1b[31m\x85\u2028\udcff") == r"a\nb\x1b[31m\x85\u2028\udcff"
    assert escaped("naïve 狗 🦊\u00a0\u3000") == "naïve 狗 🦊\u00a0\u3000"


@pytest.mark.parametrize("command", ["check", "train"])
def test_a_class_folder_whose_name_is_no_text_is_named(run_cli, tmp_path, command):
    make_pets(tmp_path / "pets", b"\xff\xfe", b"dog")
    arguments = ["data", "check"] if command == "check" else ["train", "convnet_mnist", "--data"]
    result = run_cli(*arguments, tmp_path / "pets")
    assert result.code == 2
    (line,) = result.err.splitlines()[-1:]
    assert r"pets/\udcff\udcfe: " in line and "rename it" in line and r"b'\xff\xfe'" in line


def test_a_file_whose_name_is_no_text_is_an_image_like_others(run_cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_pets(tmp_path / "pets", b"cat", b"dog")
    os.rename(b"pets/cat/3.png", b"pets/cat/\xff\xfe.png")
    result = run_cli("train", "convnet_mnist", "--data", "pets", "--steps", "2", "--threads", "1")
    assert result.code == 0, result.err


def test_control_characters_break_no_line(run_cli, finished, tmp_path):
    save(os.fsencode(tmp_path) + b"/a\nb  c\x1b.png")
    save(os.fsencode(tmp_path) + b"/d.png")
    lines = run_cli("predict", finished, tmp_path).out.splitlines()
    assert [line.partition(": ")[0] for line in lines] == [
        rf"{tmp_path}/a\nb  c\x1b.png",
        f"{tmp_path}/d.png",
    ]
    first, _ = csv.DictReader(io.StringIO(run_cli("predict", finished, tmp_path, "--csv").out, newline=""))
    answers = json.loads(run_cli("predict", finished, tmp_path, "--json").out)
    assert first["file"] == answers[0]["file"] == f"{tmp_path}/a\nb  c\x1b.png"


def test_a_file_is_named_once(run_cli, finished, tmp_path):
    save(os.fsencode(tmp_path) + b"/blank  page.png")
    (line,) = run_cli("predict", finished, tmp_path).out.splitlines()
    assert line.count("blank") == 1 and "nothing stands out" in line


def test_class_names_are_shown_as_they_are(run_cli, tmp_path):
    make_pets(tmp_path / "pets", "c\N{NO-BREAK SPACE}at".encode(), b":dog:")
    lines = run_cli("data", "check", tmp_path / "pets").out.splitlines()
    assert [line.split()[-1] for line in lines[2:5]] == ["12", "12", "24"] and ":dog:" in lines[2]
    counts = json.loads(run_cli("data", "check", tmp_path / "pets", "--json").out)["counts"]
    assert counts == {"all": {":dog:": 12, "c\N{NO-BREAK SPACE}at": 12}}


@pytest.mark.parametrize("name", [b"c\nat", b"c\x1b[31mat", b"c\x01at", b"\xef\xbf\xbf"])
def test_class_names_that_no_report_could_hold_are_refused(run_cli, tmp_path, name):
    make_pets(tmp_path / "pets", name, b"dog")
    result = run_cli("data", "check", tmp_path / "pets")
    assert result.code != 0 and result.err.count("\n") == 1
    assert "must be one line, without control characters; rename it. Received: " in result.err
