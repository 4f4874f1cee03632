"""What is typed wrong on the command line is named as it was typed, with the rule and the value."""

import errno
import os
import shlex

import pytest

from cnnlab.config import RunConfig
from cnnlab.data.sources.folder_images import load_folder
from cnnlab.errors import CnnlabError, StoppedError
from cnnlab.evaluation import compare_runs, load_predictions
from cnnlab.lab import compare
from cnnlab.runs import RunFolder
from cnnlab.training.plan import Plan
from cnnlab.training.stop import StopRequest


def error_line(result, code: int = 2) -> str:
    assert result.code == code, result.err
    lines = result.err.splitlines()
    assert lines[-1].startswith("Error: ")
    return lines[-1]


def test_nothing_asked_shows_the_help(run_cli):
    bare = run_cli()
    assert (bare.code, bare.err) == (0, "")
    assert bare.out == run_cli("--help").out
    assert len(bare.out.splitlines()) > 20
    for group in ("models", "recipes", "data"):
        assert run_cli(group).code == 0


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["train", "lenet5", "--steps", "1e3"], "--steps: must be a whole number. Received: '1e3'."),
        (["compare", "lenet5", "--seeds", "1.5"], "--seeds: must be a whole number. Received: '1.5'."),
        (["train", "lenet5", "--lr", "fast"], "--lr: must be a number. Received: 'fast'."),
        (["train", "lenet5", "--print-every", "0"], "--print-every: must be at least 1. Received: '0'."),
        (["predict", "run", "x.png", "--top", "0"], "--top: must be at least 1. Received: '0'."),
        (["evaluate", "a\0b"], r"RUN: embedded null byte. Received: 'a\x00b'."),
    ],
)
def test_the_option_the_rule_and_the_value(run_cli, arguments, line):
    assert error_line(run_cli(*arguments)) == f"Error: {line}"


@pytest.mark.parametrize("option", ["--in-channels", "--image-size", "--num-classes"])
def test_a_network_of_nothing(run_cli, option):
    line = error_line(run_cli("models", "show", "lenet5", option, "0"))
    assert line == f"Error: {option}: must be at least 1. Received: '0'."


def test_two_forms_at_once(run_cli, finished):
    assert "--csv, --json: must not both" in error_line(run_cli("predict", finished, "x", "--csv", "--json"))


def test_no_set_is_claimed_where_none_was_typed(run_cli):
    line = error_line(run_cli("train", "convnet_mnist", "--data", "digits", "--print-every", "-3"))
    assert "--set" not in line


def test_more_labels_than_classes_are_all_of_them(run_cli, finished, tmp_path):
    (tmp_path / "x.png").write_bytes(b"no image")
    result = run_cli("predict", finished, tmp_path / "x.png", "--csv", "--top", 10**30)
    assert result.code == 1
    assert len(result.out.splitlines()[0].split(",")) == 22


def test_an_empty_name_does_not_mean_all_images_here(run_cli, finished, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.png").touch()
    assert "must not be empty" in error_line(run_cli("predict", finished, ""))


def test_no_such_home(run_cli, finished):
    assert "~nouser/x.png: no such file" in error_line(run_cli("predict", finished, "~nouser/x.png"), 3)


@pytest.mark.parametrize("locked", ["", "below"])
def test_a_folder_that_cannot_be_listed_is_not_passed_over(run_cli, finished, tmp_path, monkeypatch, locked):
    (tmp_path / "below").mkdir()
    (tmp_path / "x.png").touch()
    scandir = os.scandir

    def refuse(path="."):
        if os.fspath(path) == str(tmp_path / locked):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    line = error_line(run_cli("predict", finished, tmp_path), 3)
    assert f"{tmp_path / locked}: cannot be listed: Permission denied" in line


def test_a_pattern_that_fits_no_network(run_cli):
    result = run_cli("models", "--pattern", "resnet21")
    assert (result.code, result.out) == (0, "")
    assert "'resnet21'" in result.err and "'resnet20'" in result.err
    assert run_cli("models", "--pattern", "resnet21", "--json").out == "[]\n"


def test_runs_of_a_file(run_cli, tmp_path):
    (tmp_path / "a").touch()
    line = error_line(run_cli("runs", "--out", tmp_path / "a"))
    assert line == f"Error: --out: must be a folder. Received: {tmp_path / 'a'}, a file."


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (KeyboardInterrupt(), "Interrupted."),
        (StoppedError("Stopped after step 3 of 9.", exit_code=130), "Stopped after step 3 of 9."),
    ],
)
def test_interrupted(run_cli, monkeypatch, error, line):
    def stop(*args, **kwargs):
        raise error

    monkeypatch.setattr("cnnlab.lab.train", stop)
    result = run_cli("train", "lenet5")
    assert (result.code, result.err) == (130, f"{line}\n")


@pytest.mark.parametrize(
    ("command", "remedy"), [(["train", "lenet5"], "--batch-size"), (["models"], "ask for less")]
)
@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("[enforce] DefaultCPUAllocator: can't allocate memory: 9 bytes")]
)
def test_out_of_memory_suggests_what_the_command_can_do(run_cli, monkeypatch, command, remedy, error):
    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr("cnnlab.lab.train", fail)
    monkeypatch.setattr("cnnlab.models.create_model", fail)
    line = error_line(run_cli(*command), 3)
    assert "out of memory" in line and remedy in line


def test_an_error_of_the_system_without_a_file_is_no_fault_of_ours(run_cli, monkeypatch):
    def fail(*args, **kwargs):
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr("cnnlab.lab.train", fail)
    assert "Too many open files" in error_line(run_cli("train", "lenet5"), 3)


CONFIG = RunConfig.from_dict({"model": {"name": "convnet_mnist"}, "data": {"name": "digits"}}, source="test")


def suggest_resume(folder: RunFolder) -> None:
    raise StopRequest().error(3, Plan(1, 1, 9, 1, 1), folder)


def suggest_after_compare(folder: RunFolder) -> None:
    compare(["convnet_mnist"], data="digits", seeds=1, out=folder.path / "no", launch=lambda *_: folder.path)


def suggest_check(folder: RunFolder) -> None:
    root = folder.path / "no images"
    for name in ("cat", "dog"):
        (root / name).mkdir(parents=True)
        for index in range(4):
            (root / name / f"{index}.png").touch()
    none_given = dict.fromkeys(("val_size", "train_size", "image_size", "channels"))
    load_folder(root, splits=("train",), split_seed=0, strict=False, warn=lambda line: None, **none_given)


@pytest.mark.parametrize(
    ("suggest", "command"),
    [
        (suggest_resume, "cnnlab resume "),
        (load_predictions, "cnnlab evaluate "),
        (lambda folder: compare_runs({"a": [folder]}), "cnnlab evaluate "),
        (suggest_after_compare, "cnnlab evaluate "),
        (suggest_check, "cnnlab data check "),
    ],
)
def test_a_suggested_command_can_be_given_to_a_shell(tmp_path, monkeypatch, suggest, command):
    monkeypatch.setenv("CNNLAB_CACHE", str(tmp_path / "cache"))
    folder = RunFolder.create(tmp_path / "sp  ace's", CONFIG)
    with pytest.raises(CnnlabError) as caught:
        suggest(folder)
    _, found, rest = str(caught.value).partition(command)
    assert found
    meant = folder.path / "no images" if suggest is suggest_check else folder.path
    assert shlex.split(rest.partition("`")[0]) == [str(meant)]
