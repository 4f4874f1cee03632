"""A study's report in text, Markdown and JSON."""

import json
from dataclasses import replace

import pytest

from cnnlab.runs import RunFolder
from cnnlab.studies import Picture, make_report, write_report
from tiny_study import BASE, TwoLengths


def run_at(path, seconds, commit):
    folder = RunFolder.create(path, BASE)
    folder.cost = {"steps": 4, "train_seconds": seconds}
    execution = {"device": "cpu", "threads": 1, "precision": "bf16", "hardware": "A processor"}
    folder.environment = {"commit": commit, "execution": execution}
    return folder


@pytest.fixture
def report(tmp_path):
    folders = {"a": [run_at(tmp_path, 50.0, "b" * 40)], "b|": [run_at(tmp_path, 25.0, "")]}
    return make_report(TwoLengths(), folders, quick=False, seeds=1, command="cnnlab study lengths")


def test_text(report):
    assert report.to_text(width=80) == (
        "Two lengths\n"
        "Somebody: more steps are better.\n"
        "\n"
        "Steps\n"
        "\n"
        "runs  steps\n"
        "----  -----\n"
        "a         4\n"
        "b|        4\n"
        "\n"
        "A note_.\n"
        "2 runs, seed 0; 1 min 15 s of training, each run in full.\n"
        "Hardware: A processor, 1 thread, bf16.\n"
        "Commit: bbbbbbbbbbbb, unknown.\n"
        "Made by: cnnlab study lengths\n"
    )


def test_markdown(report):
    assert report.to_markdown() == (
        "# Two lengths\n"
        "\n"
        "Somebody: more steps are better.\n"
        "\n"
        "## Steps\n"
        "\n"
        "| runs | steps |\n"
        "| --- | --: |\n"
        "| a | 4 |\n"
        "| b\\| | 4 |\n"
        "\n"
        "- A note\\_.\n"
        "- 2 runs, seed 0; 1 min 15 s of training, each run in full.\n"
        "- Hardware: A processor, 1 thread, bf16.\n"
        "- Commit: bbbbbbbbbbbb, unknown.\n"
        "- Made by: `cnnlab study lengths`\n"
    )


def test_files(report, tmp_path):
    paths = write_report(tmp_path / "new" / "folder", report)
    assert [path.name for path in paths] == ["lengths.json", "lengths.md"]
    values = json.loads(paths[0].read_text())
    assert values == json.loads(json.dumps(report.as_dict()))
    assert values["steps"] == {"a": [4], "b|": [4]} and values["train_seconds"] == 75.0
    assert values["study"] == "lengths" and not values["is_quick"]
    assert paths[1].read_text() == report.to_markdown()


def test_pictures_lie_beside_the_page_and_outlive_their_runs(report, tmp_path):
    source = tmp_path / "run" / "filters.png"
    source.parent.mkdir()
    source.write_bytes(b"a picture")
    pictures = [
        Picture(source, "lengths-filters", "filters of a*layer"),
        Picture(tmp_path / "none.png", "none", "nothing"),
    ]
    findings = replace(report.findings, pictures=pictures)
    report = replace(report, findings=findings)
    for _ in range(2):
        _, page = write_report(tmp_path / "new", report)
        assert "![filters of a\\*layer](lengths-filters.png)" in page.read_text()
        assert "none.png" not in page.read_text()
        assert (tmp_path / "new" / "lengths-filters.png").read_bytes() == b"a picture"
        source.unlink(missing_ok=True)
    for path in write_report(tmp_path / "part", replace(report, only=("a",))):
        assert path.stem == "lengths-part"
    write_report(tmp_path / "quick", replace(report, is_quick=True))
    assert sorted(path.name for path in (tmp_path / "quick").iterdir()) == [
        "lengths-quick.json", "lengths-quick.md"
    ]  # fmt: skip
