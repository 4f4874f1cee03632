"""`cnnlab study`: the list, a study with its files, and what is typed wrong."""

import json

import pytest

from cnnlab import machine, studies
from cnnlab.lab import side_by_side
from cnnlab.runs import list_runs
from cnnlab.studies import list_studies, runner
from tiny_study import RecordingLaunch, TwoLengths


@pytest.fixture
def launch(monkeypatch):
    """Makes the tiny study known, and runs it without processes."""
    launch = RecordingLaunch()
    monkeypatch.setattr(machine, "num_cores", lambda: 2)
    monkeypatch.setattr(studies, "_STUDIES", (TwoLengths(),))
    monkeypatch.setattr(side_by_side, "launch_process", launch)
    monkeypatch.setattr(runner, "launch_here", launch)
    return launch


def test_the_list(run_cli):
    result = run_cli("study")
    assert result.code == 0
    for study in list_studies():
        assert study.name in result.out and study.title in result.out
    assert [each["name"] for each in json.loads(run_cli("study", "--json").out)] == [
        study.name for study in list_studies()
    ]


def test_a_study_prints_its_tables_and_leaves_its_files(run_cli, tmp_path, launch):
    arguments = ["study", "lengths", "--seeds", "1", "--out", tmp_path / "runs", "--save", tmp_path / "pages"]
    result = run_cli(*arguments)
    assert result.code == 0
    assert [asked[0] for asked in launch.asked] == [4, 8, 6]
    assert "runs     steps" in result.out and "A note_." in result.out and "QUICK" not in result.out
    assert f"Saved: {tmp_path}/pages/lengths.json, {tmp_path}/pages/lengths.md" in result.out
    assert "lengths: 3 runs; about" in result.err and "[3/3, about" in result.err
    assert "# Two lengths" in (tmp_path / "pages" / "lengths.md").read_text()
    values = json.loads((tmp_path / "pages" / "lengths.json").read_text())
    assert values["steps"] == {"short": [4], "long": [8], "falling": [6]}

    launch.asked.clear()
    again = run_cli(*arguments, "--json")
    assert launch.asked == [] and json.loads(again.out) == values


def test_runs_side_by_side_have_a_thread_each(run_cli, tmp_path, launch):
    result = run_cli("study", "lengths", "--jobs", "2", "--quick", "--out", tmp_path)
    assert result.code == 0 and "2 at once" in result.err
    runs = list_runs(tmp_path)
    assert len(runs) == 3 and all(run.state == "evaluated" for run in runs)
    assert {run.config.threads for run in runs if run.config} == {1}
    assert sorted(asked[0] for asked in launch.asked) == [2, 3, 4]


def test_quick_lies_in_the_folder_of_the_study(run_cli, tmp_path, launch, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run_cli("study", "lengths", "--quick", "--threads", "1")
    assert result.code == 0 and "A QUICK LOOK" in result.out
    assert len(list_runs(tmp_path / "runs" / "study-lengths")) == 3
    names = {path.name for path in (tmp_path / "runs" / "study-lengths").glob("lengths*.*")}
    assert {"lengths-quick.md", "lengths-quick.json"} <= names and "lengths.md" not in names


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["orgins"], "There is no study called 'orgins'. Known: lengths."),
        (["lengths", "--seeds", "0"], "--seeds: must be 1 to 1000. Received: 0."),
        (
            ["lengths", "--jobs", "9"],
            "--jobs: must be 1 to 2, the cores that this process may use. Received: 9.",
        ),
        (
            ["lengths", "--save", "{file}"],
            "--save: must be a folder. Received a file, or a place in one: {file}.",
        ),
        (
            ["lengths", "--out", "{file}/x"],
            "--out: must be a folder. Received a file, or a place in one: {file}/x.",
        ),
    ],
)
def test_what_is_typed_wrong(run_cli, tmp_path, launch, monkeypatch, arguments, line):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "file"
    file.touch()
    result = run_cli("study", *(argument.format(file=file) for argument in arguments))
    assert (result.code, result.err.splitlines()[-1]) == (2, f"Error: {line.format(file=file)}")
    assert launch.asked == []


@pytest.mark.parametrize(
    "arguments",
    (
        *("--quick", "--seeds 2", "--only C2", "--data-root x", "--device cpu", "--threads 0"),
        *("--jobs 99", "--out x", "--save x"),
    ),
)
def test_options_of_a_run_without_a_name(run_cli, arguments):
    option, *value = arguments.split()
    result = run_cli("study", option, *value)
    assert result.code == 2 and f"{option}: name a study" in result.err
