"""A study is brought to its end: what is there is used, what was stopped goes on, the rest is trained."""

import re
import signal

import pytest

from cnnlab.errors import ConfigError, GeometryError, MissingResourceError, StoppedError
from cnnlab.runs import RunFolder
from cnnlab.studies import StudyRun, run_study, runner
from tiny_study import TwoLengths


def refuse(config, out, unfinished):
    raise AssertionError("something was trained")


def test_every_run_once_and_a_longer_one_from_the_end_of_the_shorter(tmp_path, launch):
    said = []
    report = run_study(TwoLengths(), out=tmp_path, launch=launch, say=said.append, command="the command")
    assert launch.asked == [
        (4, 0, False), (4, 1, False), (8, 0, True), (8, 1, True), (6, 0, False), (6, 1, False)
    ]  # fmt: skip
    assert report.findings.values["steps"] == {"short": [4, 4], "long": [8, 8], "falling": [6, 6]}
    assert (report.seeds, report.is_quick, report.command) == (2, False, "the command")
    folders = {key: [RunFolder.open(tmp_path / name) for name in names] for key, names in report.runs.items()}
    assert [folder.config.seed for folder in folders["long"]] == [0, 1]
    assert report.train_seconds == sum(f.cost["train_seconds"] for group in folders.values() for f in group)
    assert re.fullmatch(r"lengths: 6 runs; about \d+ s on this machine\.", said[0])
    titles = [line for line in said[1:] if line.startswith("[")]
    assert re.fullmatch(r"\[1/6, about \d+ s left\] short, seed 0: is trained", titles[0])
    assert "long, seed 0: goes on from the end of" in titles[2]

    again = run_study(TwoLengths(), out=tmp_path, launch=refuse, say=said.append, command="the command")
    assert again == report
    first = said.index("lengths: 6 runs, 6 of them done before.")
    assert said[first + 1].startswith("[1/6] short, seed 0: done before, ")


def test_ctrl_c_and_the_same_call_goes_on(tmp_path, launch, monkeypatch):
    from cnnlab.training import LineProgress

    steps_done = []

    def stop_in_the_third_run(self, step, **figures):
        steps_done.append(step)
        if len(steps_done) == 4 + 2:  # in the second step of the second run
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(LineProgress, "step", stop_in_the_third_run)
    with pytest.raises(StoppedError) as error:
        run_study(TwoLengths(), out=tmp_path, launch=launch, say=lambda line: None)
    assert error.value.exit_code == 130
    launch.asked.clear()
    said = []
    report = run_study(TwoLengths(), out=tmp_path, launch=launch, say=said.append)
    assert launch.asked[0] == (4, 1, True)
    assert len(steps_done) == 2 * (8 + 6)  # nothing twice
    assert report.findings.values["steps"]["long"] == [8, 8]
    assert "lengths: 6 runs, 1 of them done before; about" in said[0]


def test_quick_is_shorter_and_within_this_process(tmp_path, launch, monkeypatch):
    monkeypatch.setattr(runner, "launch_here", launch)
    report = run_study(TwoLengths(), quick=True, out=tmp_path, say=lambda line: None)
    assert report.findings.values["steps"] == {"short": [2], "long": [4], "falling": [3]}
    assert (report.seeds, report.is_quick) == (1, True)
    assert "A QUICK LOOK" in report.to_text() and "A QUICK LOOK" in report.to_markdown()


def test_options_are_those_of_all_runs(tmp_path, launch):
    run_study(
        TwoLengths(), seeds=1, quick=True, out=tmp_path, launch=launch, say=lambda line: None, threads=2
    )
    assert {RunFolder(path).config.threads for path in tmp_path.iterdir()} == {2}


def test_runs_lie_in_a_folder_of_the_study(tmp_path, launch, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_study(TwoLengths(), quick=True, launch=launch, say=lambda line: None)
    assert len(list((tmp_path / "runs" / "study-lengths").iterdir())) == 3


@pytest.mark.parametrize("seeds", [0, 1001])
def test_wrong_numbers_of_seeds(tmp_path, seeds):
    with pytest.raises(ConfigError, match=rf"^--seeds: must be 1 to 1000\. Received: {seeds}\."):
        run_study(TwoLengths(), seeds=seeds, out=tmp_path, launch=refuse)


class Changed(TwoLengths):
    """The last run is another one."""

    def __init__(self, **changes):
        self._changes = {name.replace("__", "."): value for name, value in changes.items()}

    def runs(self, *, quick, seeds):
        *first, last = super().runs(quick=quick, seeds=seeds)
        return [*first, StudyRun("last", "last", last.config.with_changes(self._changes))]


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"data__image_size": 5}, GeometryError),
        ({"data__name": "./nowhere"}, MissingResourceError),
        ({"model__args": {"droopout": 0.5}}, ConfigError),
    ],
)
def test_what_cannot_run_is_found_before_anything_is_trained(tmp_path, changes, kind):
    with pytest.raises(kind):
        run_study(Changed(**changes), out=tmp_path, launch=refuse, say=lambda line: None)


def test_runs_may_see_different_images(tmp_path, launch):
    study = Changed(data__image_size=16)
    report = run_study(study, quick=True, out=tmp_path, launch=launch, say=lambda line: None)
    seen = [RunFolder(tmp_path / name).environment["data"]["train"] for (name,) in report.runs.values()]
    assert len({data["fingerprint"] for data in seen}) == 2


def test_a_part_by_itself_says_that_it_is_one(tmp_path, launch):
    out = {"out": tmp_path, "launch": launch, "say": lambda line: None}
    report = run_study(TwoLengths(), quick=True, only=["long", "falling"], **out)
    assert report.findings.values["steps"] == {"long": [4], "falling": [3]}
    assert report.only == ("long", "falling") and "A part of the study: long; falling." in report.to_text()
    everything = run_study(TwoLengths(), quick=True, only=["falling", "long", "short"], **out)
    assert everything.only == () and list(everything.findings.values["steps"]) == ["short", "long", "falling"]


def test_parts_by_their_beginning():
    parts = ("R-lab, 1 epoch", "R-lab, 3 epochs", "R-labs", "C2")
    assert runner.chosen_parts(TwoLengths(), parts, ["R-lab"]) == parts[:2]
    assert runner.chosen_parts(TwoLengths(), parts, ["C2", "R-lab, 3 epochs"]) == parts[1::2]
    with pytest.raises(
        ConfigError, match=r"^--only: there is no part 'R-lob' of the study lengths\. Did you"
    ):
        runner.chosen_parts(TwoLengths(), parts, ["R-lob"])
    with pytest.raises(ConfigError, match=r"Known: C2; R-lab, 1 epoch; "):
        runner.chosen_parts(TwoLengths(), parts, ["photographs"])
