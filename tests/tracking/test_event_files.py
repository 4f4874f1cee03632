"""What TensorBoard's own reader finds in a run folder."""

import errno
from pathlib import Path

import numpy as np
import pytest

from cnnlab.errors import MissingResourceError
from cnnlab.tracking import Ending, EventFiles
from cnnlab.tracking.event_files import PATTERN
from cnnlab.tracking.tracker import start_time
from disk_faults import watched_disk

accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")


def watch(folder):
    """TensorBoard's reader of one run; `Reload` reads on."""
    everything = dict.fromkeys(("scalars", "images", "tensors"), 0)
    return accumulator.EventAccumulator(str(folder.path), size_guidance=everything).Reload()


def values(reader, tag):
    return [(event.step, event.value) for event in reader.Scalars(tag)]


def write(folder, ending=None):
    tracker = EventFiles()
    tracker.check()
    where = tracker.begin(folder)
    tracker.show(folder.read_metrics())
    if ending is not None:
        tracker.finish(ending)
    tracker.close()
    return where


def test_every_number_of_every_line_is_there(folder):
    assert write(folder) == f"TensorBoard: tensorboard --logdir {folder.path.parent}"
    reader = watch(folder)
    lines = folder.read_metrics()
    for split in ("train", "val"):
        own = [one for one in lines if one["split"] == split]
        for field in own[0].keys() - {"split", "step"}:
            expected = [(one["step"], float(np.float32(one[field]))) for one in own]
            assert values(reader, f"{field}/{split}") == expected
    times = [event.wall_time for event in reader.Scalars("loss/val")]
    assert times == pytest.approx([start_time(folder) + step / 3 for step in (4, 8)])


def test_scores_pictures_and_config(folder, png):
    write(folder, Ending("finished", {"confusion_matrix": png}))
    reader = watch(folder)
    assert values(reader, "top1/test") == [(8, 0.625)]
    (picture,) = reader.Images("confusion_matrix")
    assert (picture.step, picture.width, picture.height, picture.encoded_image_string) == (8, 5, 3, png)
    (config,) = reader.Tensors("config/text_summary")
    assert b'name = "lenet5"' in config.tensor_proto.string_val[0]
    assert b"loss/val" in reader.Tensors("custom_scalars__config__")[0].tensor_proto.string_val[0]


def test_a_reader_that_watches_sees_no_step_twice(folder, png):
    write(folder, Ending("stopped", {"first_filters": png}))
    reader = watch(folder)
    lines = (folder.path / "metrics.jsonl").read_text().splitlines(keepends=True)
    (folder.path / "metrics.jsonl").write_text("".join(lines[:3]))  # back to a checkpoint after step 4
    folder.append_metrics({**folder.read_metrics()[-1], "step": 6, "loss": 0.75})
    expected = [(4, 0.75), (6, 0.75)]
    for _ in range(3):  # as in three sittings
        write(folder, Ending("finished", {"first_filters": png}))
        assert values(watch(folder), "loss/val") == expected
        assert values(reader.Reload(), "loss/val") == expected
    assert len(reader.Images("first_filters")) == 1
    assert len(list(folder.path.glob(PATTERN))) == 2


def test_new_lines_are_readable_at_once(folder):
    tracker = EventFiles()
    tracker.begin(folder)
    lines = folder.read_metrics()
    tracker.show(lines[:1])
    reader = watch(folder)
    assert values(reader, "loss/train") == [(2, 1.0)]
    tracker.show(lines)
    assert [step for step, _ in values(reader.Reload(), "loss/train")] == [2, 4, 6, 8]
    tracker.close()


def test_a_full_disk_is_one_line_and_made_good_by_beginning_again(folder):
    tracker, is_full = EventFiles(), True

    def full(_number, name):
        if is_full and name == "write":
            raise OSError(errno.ENOSPC, "No space left on device")

    with watched_disk(full):
        with pytest.raises(MissingResourceError, match=r"tfevents.*: cannot be written: No space left"):
            tracker.begin(folder)
        is_full = False
        tracker.begin(folder)
        tracker.show(folder.read_metrics())
    tracker.close()
    assert [step for step, _ in values(watch(folder), "loss/val")] == [4, 8]


def test_where_tensorboard_is_not_installed(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "torch.utils.tensorboard.summary", None)
    with pytest.raises(MissingResourceError, match=r"^--tensorboard: .*pip install 'cnnlab\[tensorboard\]'$"):
        EventFiles().check()


def test_the_file_has_no_name_of_the_machine(folder):
    import socket

    write(folder)
    (path,) = Path(folder.path).glob("events*")
    assert socket.gethostname() not in path.name and socket.gethostname().encode() not in path.read_bytes()
