"""The verb `lr_find`: what it looks at, what it leaves, and that its rate trains."""

import errno
import json

import pytest
from PIL import Image

from cnnlab.errors import CheckFailedError, ConfigError, DataError, DivergedError, MissingResourceError
from cnnlab.lab import lr_find, train
from cnnlab.runs import RunFolder
from cnnlab.training import SilentProgress
from disk_faults import count, fail_at, watched_disk

QUICK = {"data": "digits", "threads": 1, "precision": "float32", "progress": SilentProgress()}


def test_the_suggested_rate_trains_a_tenth_is_slow_and_a_thousand_times_it_diverges(tmp_path):
    sweep = lr_find("convnet_mnist", batch_size=32, **QUICK)
    changes = {"schedule.name": "constant"}
    options = {**QUICK, "batch_size": 32, "steps": 60, "test": False, "out": tmp_path, "changes": changes}
    losses = []
    for factor in (1.0, 0.1):
        run = train("convnet_mnist", lr=sweep.suggestion * factor, **options)
        losses.append(RunFolder(run).read_metrics()[-1]["loss"])
    assert losses[0] < 0.5 * losses[1]
    with pytest.raises(DivergedError):
        train("convnet_mnist", lr=sweep.suggestion * 1000, **options)


def test_only_training_images_are_read_and_no_run_is_left(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    asked = []
    real = lr_find.__globals__["load_splits"]

    def note(data, splits, **options):
        asked.append(splits)
        return real(data, splits, **options)

    monkeypatch.setitem(lr_find.__globals__, "load_splits", note)
    lr_find("convnet_mnist", steps=20, **QUICK)
    assert asked == [("train",)]
    assert not list(tmp_path.iterdir())


def test_the_picture_and_the_figures_are_kept_where_out_says(tmp_path):
    sweep = lr_find("convnet_mnist", steps=20, out=tmp_path / "a" / "b", **QUICK)
    assert {path.name for path in (tmp_path / "a" / "b").iterdir()} == {"lr-find.png", "lr-find.json"}
    with Image.open(tmp_path / "a" / "b" / "lr-find.png") as picture:
        assert picture.size == (960, 585)
    kept = json.loads((tmp_path / "a" / "b" / "lr-find.json").read_text())
    assert kept == {"name": "convnet_mnist-digits on digits", **sweep.as_dict()}


def test_settings_reach_the_sweep(tmp_path):
    one = lr_find("convnet_mnist", steps=20, **QUICK)
    other = lr_find("convnet_mnist", steps=20, changes={"optim.momentum": 0.5}, **QUICK)
    assert one.losses[1] != other.losses[1] and one.lrs[:10] == other.lrs[:10]
    assert lr_find("convnet_mnist", steps=20, batch_size=16, **QUICK).batch_size == 16


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"steps": 5}, ConfigError, r"steps: a sweep takes 20 to 100,000\. Received: 5\."),
        ({"highest": 1e-7}, ConfigError, "lowest, highest: .* Received: 1e-06 and 1e-07."),
        ({"lr": 0.1}, ConfigError, "lr: a sweep sets the rate and its length itself; .* Received: 0.1."),
        ({"epochs": 3}, ConfigError, "epochs: a sweep sets"),
        ({"changes": {"optim.lr": 1.0}}, ConfigError, r"optim\.lr: a sweep sets .* Received: 1\.0\."),
        ({"steps": 10**9}, ConfigError, r"steps: a sweep takes 20 to 100,000"),
        ({"batchsize": 3}, ConfigError, "Unknown option 'batchsize'. Did you mean 'batch_size'"),
        ({"changes": {"model.args.dropuot": 0.1}}, ConfigError, "unknown argument 'dropuot'"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(tmp_path, options, error, message):
    with pytest.raises(error, match=message) as caught:
        lr_find("convnet_mnist", out=tmp_path / "out", **{**QUICK, **options})
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out" / "lr-find.png").exists()


def test_a_file_where_the_folder_should_be_is_found_before_the_sweep(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"out: must be a folder\. Received a file"):
        lr_find("convnet_mnist", out=tmp_path / "file", **QUICK)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (errno.EROFS, "cannot be written: Read-only file system."),
        (errno.ENOSPC, "the disk is full: 0.1 MB needed, .* MB free. Nothing .*; free some space."),
    ],
)
def test_a_folder_that_cannot_be_written_is_found_before_the_sweep(tmp_path, monkeypatch, code, reason):
    monkeypatch.setitem(lr_find.__globals__, "sweep_lr", None)  # would fail
    sought = {"changes": {"no.such": 1}}  # ends what can be written before data are read
    with watched_disk(count) as calls, pytest.raises(ConfigError, match="no section 'no'"):
        lr_find("convnet_mnist", out=tmp_path / "out", **sought, **QUICK)
    assert len(calls) >= 4
    for call in range(len(calls)):
        with (
            watched_disk(fail_at(call, code)),
            pytest.raises(MissingResourceError, match=f"^{tmp_path}/out/{call}: {reason}$"),
        ):
            lr_find("convnet_mnist", out=tmp_path / "out" / str(call), **QUICK)
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file()]


def test_a_loss_that_explodes_at_once_is_one_line():
    with pytest.raises(CheckFailedError, match=r"convnet_mnist: the loss left the finite numbers at step \d"):
        lr_find("convnet_mnist", steps=20, lowest=9e5, highest=1e6, **QUICK)


def test_damaged_images_are_named(tmp_path):
    for label in "ab":
        (tmp_path / label).mkdir()
    with pytest.raises(DataError, match="holds no image"):
        lr_find("convnet_mnist", **{**QUICK, "data": tmp_path})


def test_pre_training_is_refused():
    with pytest.raises(ConfigError, match=r"^pretrain\.method: .* set it to none\. Received: rbm\.$"):
        lr_find("convnet_mnist", data="digits", changes={"pretrain.method": "rbm"})
