import errno
import json
import os
import re
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

import pytest

from cnnlab.config import RunConfig
from cnnlab.errors import ConfigError, MissingResourceError, RunError
from cnnlab.runs import RunFolder, load_weights
from cnnlab.runs.naming import name_of_run
from disk_faults import count, fail_at, files_under, watched_disk
from own_process import context, start
from some_scores import some_evaluation

NOON = datetime(2026, 1, 2, 12, 30, 5)


def named(recipe: str, data: str = "mnist", model: str = "lenet5") -> str:
    values = {"recipe": recipe, "model": {"name": model}, "data": {"name": data}, "seed": 3}
    return name_of_run(RunConfig.from_dict(values, source="test"), NOON)


# --- names ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("recipe", "data", "name"),
    [
        ("alexnet", "mnist", "alexnet-mnist-s3-20260102-123005"),
        ("", "mnist", "lenet5-mnist-s3-20260102-123005"),
        ("resnet20-cifar10", "cifar10", "resnet20-cifar10-s3-20260102-123005"),
        ("alexnet", "fashion-mnist", "alexnet-fashion-mnist-s3-20260102-123005"),
        ("alexnet", "/home/me/my pets/", "alexnet-my-pets-s3-20260102-123005"),
        ("alexnet", "synthetic:1x8x8x200", "alexnet-synthetic-1x8x8x200-s3-20260102-123005"),
        ("alexnet", "..", "alexnet-data-s3-20260102-123005"),
        ("alexnet", "/", "alexnet-data-s3-20260102-123005"),
        ("alexnet", "猫", "alexnet-data-s3-20260102-123005"),
        ("../../etc/cron.d/x", "mnist", "etc-cron.d-x-mnist-s3-20260102-123005"),
        ("/some/x", "mnist", "some-x-mnist-s3-20260102-123005"),
        (".hidden", "mnist", "hidden-mnist-s3-20260102-123005"),
        ("猫", "mnist", "run-mnist-s3-20260102-123005"),
    ],
)
def test_names(recipe, data, name):
    assert named(recipe, data) == name


def test_long_names_are_cut_so_that_every_file_system_takes_them():
    assert len(named("x" * 5000, "y" * 5000)) < 200


def test_a_misspelt_network_with_a_path_in_it_stays_inside(tmp_path):
    values = {"model": {"name": "../outside"}}
    folder = RunFolder.create(tmp_path / "runs", RunConfig.from_dict(values, source="test"))
    assert folder.path.parent == tmp_path / "runs"
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]


# --- create and open ------------------------------------------------------------------------------------


def test_create_writes_the_config(tmp_path, config):
    folder = RunFolder.create(tmp_path / "deep" / "er", config)
    assert re.fullmatch(r"small-mnist-s7-\d{8}-\d{6}", folder.name)
    assert folder.config == config
    assert files_under(folder.path).keys() == {"config.toml"}
    assert RunFolder.open(folder.path).path == folder.path


def test_runs_of_the_same_second_have_different_folders(tmp_path, config, monkeypatch):
    class Clock:
        @staticmethod
        def now() -> datetime:
            return NOON

    monkeypatch.setattr("cnnlab.runs.folder.datetime", Clock)
    names = [RunFolder.create(tmp_path, config).name for _ in range(12)]
    assert len(set(names)) == 12
    assert names[:3] == [f"small-mnist-s7-20260102-123005{end}" for end in ("", "-2", "-3")]


def test_a_thousand_of_the_same_name_is_enough(tmp_path, config, monkeypatch):
    def taken(path: Path) -> None:
        raise FileExistsError(path)

    monkeypatch.setattr("cnnlab.runs.naming.Path.mkdir", lambda path, **options: options or taken(path))
    with pytest.raises(RunError, match="a thousand runs have this name"):
        RunFolder.create(tmp_path, config)


def test_a_disk_that_fails_at_any_call_leaves_no_half_run(tmp_path, config):
    with watched_disk(count) as calls:
        RunFolder.create(tmp_path / "counted", config)
    assert len(calls) > 6
    for call in range(len(calls)):
        out = tmp_path / f"call-{call}"
        with watched_disk(fail_at(call)), pytest.raises(MissingResourceError, match="the disk is full"):
            RunFolder.create(out, config)
        whole = [RunFolder.open(path).config for path in out.glob("*")] if out.exists() else []
        assert whole in ([], [config]), call


def test_out_may_be_no_folder(tmp_path, config):
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "deeper"):
        with pytest.raises(MissingResourceError, match=r"file.*: cannot be written: "):
            RunFolder.create(out, config)


def test_open_what_is_no_run(tmp_path):
    with pytest.raises(RunError, match=r"is not a run folder \(no config.toml in it\)\. `cnnlab runs` lists"):
        RunFolder.open(tmp_path)
    with pytest.raises(RunError, match="does not exist"):
        RunFolder.open(tmp_path / "none")
    (tmp_path / "file").write_text("")
    with pytest.raises(
        RunError, match=r"file: is a file, not a run folder\. `cnnlab runs` lists the runs\.$"
    ):
        RunFolder.open(tmp_path / "file")
    with pytest.raises(RunError, match="does not exist"):
        RunFolder.open(tmp_path / "file" / "deeper")
    (tmp_path / "run" / "config.toml").mkdir(parents=True)
    with pytest.raises(RunError, match="is not a run folder"):
        RunFolder.open(tmp_path / "run")


def test_a_damaged_config_is_named(tmp_path, config):
    folder = RunFolder.create(tmp_path, config)
    (folder.path / "config.toml").write_text("nonsense")
    with pytest.raises(ConfigError, match=re.escape(str(folder.path / "config.toml"))):
        _ = folder.config


# --- small files ----------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path, config) -> RunFolder:
    return RunFolder.create(tmp_path, config)


def test_json_files_there_and_back(folder):
    assert (folder.environment, folder.cost, folder.evaluation) == ({}, {}, None)
    folder.environment = {"threads": 2}
    folder.cost = {"train_seconds": 0.1 + 0.2}
    folder.evaluation = some_evaluation(0.1 + 0.2)
    again = RunFolder.open(folder.path)
    assert again.environment == {"threads": 2}
    assert again.cost == {"train_seconds": 0.1 + 0.2}
    assert again.evaluation == some_evaluation(0.1 + 0.2)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[]", b"5", b"null", b"[" * 100_000])
def test_damaged_json_is_named(folder, content):
    for name in ("environment", "cost", "evaluation"):
        file = {"evaluation": "eval"}.get(name, name)
        (folder.path / f"{file}.json").write_bytes(content)
        with pytest.raises(RunError, match=rf"{file}\.json: damaged: "):
            getattr(folder, name)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes of this kind")
@pytest.mark.parametrize(
    ("file", "read"),
    [
        ("eval.json", lambda folder: folder.evaluation),
        ("cost.json", lambda folder: folder.cost),
        ("metrics.jsonl", lambda folder: folder.read_metrics()),
        ("model.safetensors", lambda folder: load_weights(folder.weights)),
    ],
)
def test_nobody_waits_at_a_pipe(folder, file, read):
    path = folder.path / file
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    with pytest.raises(RunError, match=rf"{file}: must be a file\. Remove what is there\."):
        read(folder)


def test_a_file_that_may_not_be_read_is_not_called_damaged(folder, monkeypatch):
    for name in ("cost.json", "metrics.jsonl"):
        (folder.path / name).write_text("{}")

    def refuse(self, **_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(
        RunError, match=r"cost\.json: cannot be read: Permission denied\. Make it readable\.$"
    ):
        _ = folder.cost
    with pytest.raises(RunError, match=r"metrics\.jsonl: cannot be read: Permission denied\. Make "):
        folder.read_metrics()


NUMBER_OF_CLASS_A = {"recall": 0.5, "precision": None}


@pytest.mark.parametrize(
    ("file", "values", "what"),
    [
        ("evaluation", {"top1": "x", "top1_interval": [1]}, "top1: input should be a valid number"),
        ("evaluation", {"top1": 1.5}, "top1: input should be less than or equal to 1"),
        ("evaluation", {"top1": True}, "top1: input should be a valid number"),
        ("evaluation", {"top1_interval": [0.5]}, "top1_interval: list should have at least 2 items"),
        ("evaluation", {"top1_interval": None}, "top1_interval: is no list"),
        ("evaluation", {"loss": float("nan")}, "loss: input should be a finite number"),
        ("evaluation", {"per_class": {"a": NUMBER_OF_CLASS_A}}, "per_class.a.num_images: is not there"),
        ("evaluation", {"confusion_matrix": [[0.5]]}, "confusion_matrix.0.0: input should be a valid int"),
        ("evaluation", {"num_images": 0}, "num_images: input should be greater than or equal to 1"),
        (
            "evaluation",
            {"tta": "flip"},
            "tta: input should be 'none', 'centre', 'mirror', 'shift', 'mirror-shift' or 'ten-crop'",
        ),
        ("evaluation", {"average": None}, "average: input should be 'logits' or 'probs'"),
        ("evaluation", {"first": {"num_images": 2, "top1": 0.5}}, "first.top1_interval: is not there"),
        (
            "evaluation",
            {"top1_interval": [5.0, -7.0]},
            "top1_interval.0: input should be less than or equal to",
        ),
        (
            "evaluation",
            {"per_class": {"a": {**NUMBER_OF_CLASS_A, "num_images": 9}}},
            "confusion_matrix: its rows have not as many images as per_class says",
        ),
        ("environment", {"python": 3.11}, "python: is no text"),
        ("evaluation", {"ece": 77.0}, "ece: input should be less than or equal to 1"),
        ("evaluation", {"split": "val"}, "split: input should be 'test'"),
        ("evaluation", {"class_names": ["a", "a"]}, "class_names: has none, or one of them twice"),
        ("evaluation", {"class_names": []}, "class_names: has none, or one of them twice"),
        ("evaluation", {"num_images": 10**30}, "num_images: input should be less than"),
        ("cost", {"peak_memory_bytes": 10**400}, "peak_memory_bytes: input should be less than"),
        ("evaluation", {"class_names": ["a", "b"]}, "per_class: does not have the classes that class_names"),
        ("evaluation", {"per_class": {}}, "per_class: does not have the classes that class_names"),
        ("evaluation", {"confusion_matrix": [[4, 4]]}, "confusion_matrix: is not 1 x 1, as class_names says"),
        ("evaluation", {"confusion_matrix": []}, "confusion_matrix: is not 1 x 1, as class_names says"),
        ("environment", {"data": 5}, "data: is no table of values"),
        ("environment", {"data": {"val": 5}}, "data.val: is no table of values"),
        ("environment", {"data": {"val": {"num_images": 5}}}, "data.val.fingerprint: is not there"),
        ("environment", {"execution": "cpu"}, "execution: is no table of values"),
        ("environment", {"commit": 5}, "commit: is no text"),
        ("cost", {"train_seconds": "long"}, "train_seconds: input should be a valid number"),
        ("cost", {"parameters": -1}, "parameters: input should be greater than or equal to 0"),
    ],
)
def test_wrong_values_in_json_are_named_by_file_and_field(folder, file, values, what):
    name = {"evaluation": "eval.json"}.get(file, f"{file}.json")
    rest = some_evaluation(0.5) if file == "evaluation" else {}
    (folder.path / name).write_text(json.dumps(rest | values))
    with pytest.raises(RunError) as error:
        getattr(folder, file)
    assert str(error.value).startswith(f"{folder.path / name}: damaged: {what}")
    assert "cnnlab " in str(error.value).rpartition(". ")[2] or "Remove it" in str(error.value)


OF_LATER_VERSIONS = {"first", "tta", "average"}


def test_scores_of_before_there_were_views_are_by_one(folder):
    new = some_evaluation(0.5)
    old = {name: value for name, value in new.items() if name not in OF_LATER_VERSIONS}
    (folder.path / "eval.json").write_text(json.dumps(old))
    assert folder.evaluation == new
    assert {name: new[name] for name in OF_LATER_VERSIONS} == {
        "first": None, "tta": "none", "average": "probs"
    }  # fmt: skip


@pytest.mark.parametrize("field", sorted(some_evaluation(0.5).keys() - OF_LATER_VERSIONS))
def test_scores_that_lack_a_field_are_damaged(folder, field):
    values = {name: value for name, value in some_evaluation(0.5).items() if name != field}
    (folder.path / "eval.json").write_text(json.dumps(values))
    with pytest.raises(RunError, match=rf"eval\.json: damaged: {field}: is not there\. Remove it, then: "):
        _ = folder.evaluation


def test_a_run_of_another_version_says_so_where_its_settings_are_not_known(folder, monkeypatch):
    config = folder.path / "config.toml"
    config.write_text("from_the_future = 1\n" + config.read_text())
    with pytest.raises(ConfigError, match=r"unknown setting 'from_the_future'\. Known: [^.]*\.$"):
        _ = folder.config  # nobody knows who made it
    folder.environment = {"packages": {"cnnlab": "9.9.9"}}
    with pytest.raises(ConfigError, match=r"'from_the_future'.*run was made by cnnlab 9\.9\.9; this is \d"):
        _ = folder.config
    folder.environment = {"packages": {"cnnlab": version("cnnlab")}}
    with pytest.raises(ConfigError, match=r"unknown setting 'from_the_future'\. Known: [^.]*\.$"):
        _ = folder.config
    (folder.path / "environment.json").write_text("5")
    with pytest.raises(ConfigError, match=r"unknown setting 'from_the_future'\. Known: [^.]*\.$"):
        _ = folder.config


# --- metrics --------------------------------------------------------------------------------------------


LINES = [
    {"split": "train", "step": step, "epoch": step / 7, "loss": 0.1 * step, "top1": 1 / 3}
    for step in range(1, 5)
]


@pytest.fixture
def measured(folder) -> RunFolder:
    for line in LINES:
        folder.append_metrics(line)
    return folder


def test_metrics_there_and_back(measured):
    assert measured.read_metrics() == LINES
    text = (measured.path / "metrics.jsonl").read_bytes()
    assert [json.loads(line) for line in text.splitlines()] == LINES
    assert measured.metrics_bytes == len(text)


def test_no_metrics_yet(folder):
    assert folder.read_metrics() == []
    assert folder.metrics_bytes == 0
    folder.truncate_metrics(0)
    assert not (folder.path / "metrics.jsonl").exists()


def test_a_torn_last_line_is_left_out_wherever_it_is_torn(measured):
    path = measured.path / "metrics.jsonl"
    content = path.read_bytes()
    start = content[:-1].rindex(b"\n") + 1
    for end in range(start, len(content)):
        path.write_bytes(content[:end])
        assert measured.read_metrics() == LINES[:3], end


def test_a_torn_letter_is_no_error(measured):
    path = measured.path / "metrics.jsonl"
    path.write_bytes(path.read_bytes() + '{"a": "é'.encode()[:-1])
    assert measured.read_metrics() == LINES


@pytest.mark.parametrize("line", [b"nonsense", b"", b"[" * 100_000])
def test_damage_before_the_last_line_is_named(measured, line):
    path = measured.path / "metrics.jsonl"
    path.write_bytes(line + b"\n" + path.read_bytes())
    with pytest.raises(RunError, match=r"metrics\.jsonl: damaged: a line is not JSON"):
        measured.read_metrics()


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"loss": "x"}, "loss: input should be a valid number"),
        ({"split": "test"}, "split: input should be 'train' or 'val'"),
        ({"epoch": 0}, "epoch: input should be greater than 0"),
        ({"step": None}, "step: input should be a valid integer"),
        ({"loss": float("inf")}, "loss: input should be a finite number"),
    ],
)
def test_wrong_values_in_a_line_are_named(measured, change, what):
    path = measured.path / "metrics.jsonl"
    path.write_bytes(path.read_bytes() + (json.dumps(LINES[0] | change) + "\n").encode())
    with pytest.raises(RunError) as error:
        measured.read_metrics()
    assert str(error.value).startswith(f"{path}: damaged: line 5: {what}")


def test_a_line_that_is_no_table_is_named(measured):
    path = measured.path / "metrics.jsonl"
    path.write_bytes(b"5\n" + path.read_bytes())
    with pytest.raises(RunError, match=r"metrics\.jsonl: damaged: line 1: is no table of values\."):
        measured.read_metrics()


def test_resume_cuts_off_what_the_checkpoint_has_not_seen(folder):
    for line in LINES[:2]:
        folder.append_metrics(line)
    seen = folder.metrics_bytes
    folder.append_metrics(LINES[2])
    with (folder.path / "metrics.jsonl").open("ab") as file:
        file.write(b'{"torn')
    folder.truncate_metrics(seen)
    assert folder.read_metrics() == LINES[:2]
    folder.append_metrics(LINES[3])
    assert folder.read_metrics() == [*LINES[:2], LINES[3]]


def test_lost_metrics_are_named(measured):
    with pytest.raises(RunError, match=r"metrics\.jsonl: \d+ bytes where the checkpoint has seen 100000"):
        measured.truncate_metrics(100_000)
    assert measured.read_metrics() == LINES


def test_metrics_that_others_cannot_read_are_not_written(measured):
    with pytest.raises(ValueError, match="not JSON compliant"):
        measured.append_metrics({"loss": float("nan")})
    assert measured.read_metrics() == LINES


def test_a_full_disk_leaves_the_lines_before(measured):
    with watched_disk(fail_at(1)), pytest.raises(MissingResourceError, match="the disk is full"):
        measured.append_metrics(LINES[0])
    assert measured.metrics_bytes > 0
    assert measured.read_metrics() == LINES


# --- the lock -------------------------------------------------------------------------------------------


def hold(path: Path, events) -> None:
    """In a process of its own: take the lock, say so, and wait to be killed."""
    with RunFolder(path).locked():
        events.put("held")
        events.get()
        events.get()


def try_to_hold(path: Path, answers) -> None:
    """In a process of its own."""
    try:
        with RunFolder(path).locked():
            answers.put("held")
    except RunError as error:
        answers.put(str(error))


def test_a_second_process_is_refused_until_the_first_is_gone_even_if_killed(folder):
    events, answers = context().SimpleQueue(), context().SimpleQueue()
    first = start(hold, folder.path, events)
    assert events.get() == "held"

    second = start(try_to_hold, folder.path, answers)
    expected = f"{folder.path}: another process is writing this run. Wait for it to end."
    assert answers.get() == expected
    second.join()
    with pytest.raises(RunError, match="another process is writing"), folder.locked():
        pass

    first.kill()
    first.join()
    with folder.locked():
        pass
    for queue in (events, answers):
        queue.close()


def test_the_lock_is_released_after_an_error(folder):
    with pytest.raises(KeyError), folder.locked():
        raise KeyError
    with folder.locked():
        pass


def test_temporary_files_of_a_crash_go_with_the_next_lock(folder):
    for name in (".cost.json.123.tmp", ".model.safetensors.77.tmp"):
        (folder.path / name).write_bytes(b"half")
    with folder.locked():
        assert files_under(folder.path).keys() == {"config.toml", ".lock"}


def test_a_folder_that_cannot_be_written_is_said(folder):
    with watched_disk(fail_at(0, errno.EROFS)), pytest.raises(MissingResourceError, match=r"Read-only file"):  # noqa: SIM117
        with folder.locked():
            pass


def test_a_file_system_without_locks_is_no_error(folder, monkeypatch):
    def no_locks(*args: object) -> None:
        raise OSError(errno.ENOTSUP, "not supported")

    monkeypatch.setattr("cnnlab.runs.folder.fcntl.flock", no_locks)
    with folder.locked():
        pass
    monkeypatch.setattr("cnnlab.runs.folder.fcntl", None)
    with folder.locked():
        pass
