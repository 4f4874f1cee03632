import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from cnnlab.data import Dataset, load_data
from cnnlab.data.images.decode import decode_image
from cnnlab.data.images.resize import resize_image
from cnnlab.data.sources import folder_images, image_cache
from cnnlab.errors import ConfigError, DataError, MissingResourceError

COLOURS = {"blue": (20, 40, 220), "green": (30, 200, 60), "red": (210, 30, 30)}


def make(root: Path, count: int = 12, *, mode: str = "RGB", size: tuple[int, int] = (20, 14)) -> Path:
    """Make noisy images of three colours, by class folder."""
    rng = np.random.default_rng(0)
    for name, colour in COLOURS.items():
        (root / name).mkdir(parents=True)
        for number in range(count):
            noise = rng.integers(-20, 20, (size[1], size[0], 3))
            pixels = (np.array(colour) + noise).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).convert(mode).save(root / name / f"{number:02}.png")
    return root


def load(root: Path, lines: list[str] | None = None, **kwargs) -> dict[str, Dataset]:
    return load_data(root, warn=(lines if lines is not None else []).append, **kwargs)


def forbid_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args, **kwargs):
        raise AssertionError("decoded again")

    monkeypatch.setattr(folder_images, "decode_image", refuse)
    monkeypatch.setattr(folder_images, "is_grey_file", refuse)


def test_labels_go_with_their_images(tmp_path):
    sets = load(make(tmp_path / "paint"))
    assert {split: len(dataset) for split, dataset in sets.items()} == {"train": 30, "val": 3, "test": 3}
    for split, dataset in sets.items():
        assert (dataset.name, dataset.split) == ("paint", split)
        assert dataset.class_names == ("blue", "green", "red")
        assert dataset.images.shape[1:] == (3, 64, 64)
        means = dataset.images.float().mean((2, 3))
        for mean, label in zip(means, dataset.labels.tolist(), strict=True):
            wanted = torch.tensor(COLOURS[dataset.class_names[label]]).float()
            assert (mean - wanted).abs().max() < 20


def test_images_are_those_of_decode_and_resize(tmp_path):
    root = make(tmp_path / "paint", count=4)
    dataset = load(root, image_size=8, splits=["test"])["test"]
    decoded = {resize_image(decode_image(path), 8).numpy().tobytes() for path in root.rglob("*.png")}
    assert all(image.numpy().tobytes() in decoded for image in dataset.images)


def test_a_second_load_decodes_nothing_and_is_equal(tmp_path, monkeypatch):
    root = make(tmp_path / "paint")
    first = load(root)
    forbid_decoding(monkeypatch)
    second = load(root)
    for split in first:
        assert torch.equal(first[split].images, second[split].images)
        assert first[split].fingerprint == second[split].fingerprint


def test_train_and_val_do_not_open_test_files(tmp_path, monkeypatch):
    root = tmp_path / "paint"
    for split in ("train", "val", "test"):
        make(root / split, count=3)
    for path in (root / "test").rglob("*.png"):
        path.write_bytes(b"not an image")
    lines: list[str] = []
    assert set(load(root, lines, splits=["train", "val"])) == {"train", "val"}
    assert lines == []
    with pytest.raises(DataError, match="no image of test can be read"):
        load(root)


def test_a_changed_file_is_noticed(tmp_path):
    root = make(tmp_path / "paint")
    before = load(root)
    for path in (root / "red").iterdir():
        Image.new("RGB", (20, 14), COLOURS["red"]).save(path)
    after = load(root)
    assert all(before[split].fingerprint != after[split].fingerprint for split in before)


@pytest.mark.parametrize("place", [0, 100_000, -300, -30, -5])
def test_a_damaged_cache_is_noticed_and_rebuilt(tmp_path, own_cache, place):
    root = make(tmp_path / "paint")
    before = load(root, splits=["train"])["train"]
    (path,) = (own_cache / "folders").glob("*-train-*")
    content = bytearray(path.read_bytes())
    content[place] ^= 4
    path.write_bytes(content)
    lines: list[str] = []
    assert load(root, lines, splits=["train"])["train"].fingerprint == before.fingerprint
    assert len(lines) == 1 and "is damaged" in lines[0]


def test_a_truncated_cache_is_noticed_and_rebuilt(tmp_path, own_cache):
    root = make(tmp_path / "paint", count=4)
    before = load(root, splits=["train"])["train"]
    (path,) = (own_cache / "folders").iterdir()
    whole = path.read_bytes()
    for size in (0, 10, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        assert load(root, splits=["train"])["train"].fingerprint == before.fingerprint


def test_unreadable_files_are_named_counted_and_skipped(tmp_path):
    root = make(tmp_path / "paint")
    path = root / "green" / "03.png"
    path.write_bytes(path.read_bytes()[:100])
    (root / "red" / "04.png").write_bytes(b"")
    for _attempt in ("decoding", "from the cache"):
        lines: list[str] = []
        sets = load(root, lines)
        assert sum(len(dataset) for dataset in sets.values()) == 34
        assert any("green/03.png" in line for line in lines) and any("red/04.png" in line for line in lines)
        assert any("that were skipped: 1" in line or "that were skipped: 2" in line for line in lines)
        with pytest.raises(
            DataError, match=r"(03|04)\.png.* without --strict, .* data\.strict = false"
        ) as caught:
            load(root, strict=True)
        assert "\n" not in str(caught.value)


def test_a_class_with_nothing_readable_is_refused(tmp_path):
    root = make(tmp_path / "paint")
    for path in (root / "red").iterdir():
        path.write_bytes(b"GIF8")
    lines: list[str] = []
    with pytest.raises(DataError, match="no image of class 'red' can be read"):
        load(root, lines)
    assert sum("skipped: " in line and "/red/" in line for line in lines) == 10


def test_grey_folders_stay_grey_and_one_colour_image_makes_all_colour(tmp_path):
    root = make(tmp_path / "paint", mode="L")
    assert load(root, image_size=8)["test"].in_channels == 1
    assert load(root, image_size=8, channels=3)["test"].in_channels == 3
    train = load(root, image_size=8, splits=["train"])["train"]
    assert train.in_channels == 1
    victim = next(
        path
        for path in sorted(root.rglob("*.png"))
        if any(torch.equal(resize_image(decode_image(path), 8), image) for image in train.images)
    )
    Image.new("RGB", (20, 14), (255, 0, 0)).save(victim)
    assert {dataset.in_channels for dataset in load(root, image_size=8).values()} == {3}


def test_no_room_in_the_cache_means_memory_and_a_warning(tmp_path, own_cache, monkeypatch):
    root = make(tmp_path / "paint")
    wanted = load(root)["val"].fingerprint
    shutil.rmtree(own_cache / "folders")
    full = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(folder_images.shutil, "disk_usage", lambda path: full)
    lines: list[str] = []
    assert load(root, lines)["val"].fingerprint == wanted
    assert len(lines) == 3 and "stay in memory" in lines[0]
    assert list((own_cache / "folders").iterdir()) == []


def test_a_disk_that_fills_up_while_writing_means_memory_and_no_rubbish(tmp_path, own_cache, monkeypatch):
    root = make(tmp_path / "paint")

    def full(file):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(image_cache.os, "fsync", full)
    lines: list[str] = []
    assert len(load(root, lines)["train"]) == 30
    assert "No space left on device" in lines[0]
    assert list((own_cache / "folders").iterdir()) == []


def test_a_cache_that_cannot_be_made_means_memory(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("CNNLAB_CACHE", str(tmp_path / "file"))
    lines: list[str] = []
    assert len(load(make(tmp_path / "paint"), lines)["train"]) == 30
    assert "stay in memory" in lines[0]


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs /proc, to see what a process maps")
def test_nothing_maps_the_file_when_it_is_renamed(tmp_path, monkeypatch):
    """Windows renames no file that is mapped."""
    replace = image_cache.os.replace
    renamed = []

    def watched(source, target):
        renamed.append(source)
        assert str(source) not in Path("/proc/self/maps").read_text()
        replace(source, target)

    monkeypatch.setattr(image_cache.os, "replace", watched)
    sets = load(make(tmp_path / "paint"))
    assert len(renamed) == 3
    assert all(dataset.images.any() for dataset in sets.values())


def test_a_cache_that_does_not_read_back_means_memory(tmp_path, monkeypatch):
    root = make(tmp_path / "paint")
    wanted = load(root, split_seed=1)["val"].fingerprint
    monkeypatch.setattr(folder_images, "read_image_cache", lambda path: None)
    lines: list[str] = []
    assert load(root, lines, split_seed=1)["val"].fingerprint == wanted
    assert any("stay in memory" in line for line in lines)


def test_writing_to_the_images_does_not_reach_the_cache(tmp_path):
    root = make(tmp_path / "paint")
    dataset = load(root)["train"]
    dataset.images.zero_()
    assert load(root)["train"].images.any()


def test_a_folder_that_is_not_there_exits_with_3(tmp_path):
    for name in (str(tmp_path / "none"), "./none", "~/none-at-all"):
        with pytest.raises(MissingResourceError, match="there is no folder") as caught:
            load_data(name)
        assert caught.value.exit_code == 3


def test_a_file_replaced_by_one_of_the_same_size_and_time_is_seen(tmp_path):
    root = make(tmp_path / "paint", count=4)
    path = root / "red" / "00.bmp"
    Image.new("RGB", (20, 14), COLOURS["red"]).save(path)
    before = load(root)
    times = path.stat()
    Image.new("RGB", (20, 14), (0, 0, 0)).save(path)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert path.stat().st_size == times.st_size and path.stat().st_mtime_ns == times.st_mtime_ns
    after = load(root)
    assert {split: data.fingerprint for split, data in before.items()} != {
        split: data.fingerprint for split, data in after.items()
    }


def test_some_of_the_training_images(tmp_path):
    root = make(tmp_path / "paint")
    whole, some = load(root), load(root, train_size=7)
    for split in ("val", "test"):
        assert some[split].fingerprint == whole[split].fingerprint
    assert some["train"].labels.bincount().tolist() == [3, 2, 2]
    images = {image.numpy().tobytes() for image in whole["train"].images}
    assert {image.numpy().tobytes() for image in some["train"].images} < images
    assert load(root, train_size=7, split_seed=1)["train"].fingerprint != some["train"].fingerprint


def test_the_whole_and_a_part_keep_each_their_own_cache(tmp_path, monkeypatch):
    root = make(tmp_path / "paint")
    wanted = [load(root, splits=["train"], train_size=size)["train"].fingerprint for size in (None, 6, 9)]
    forbid_decoding(monkeypatch)
    again = [load(root, splits=["train"], train_size=size)["train"].fingerprint for size in (None, 6, 9)]
    assert again == wanted and len(set(wanted)) == 3


def test_only_the_chosen_files_are_decoded(tmp_path):
    root = make(tmp_path / "paint")
    chosen = {image.numpy().tobytes() for image in load(root, splits=["train"], train_size=6)["train"].images}
    for path in root.rglob("*.png"):
        if resize_image(decode_image(path), 64).numpy().tobytes() not in chosen:
            path.write_bytes(b"damaged")
    lines: list[str] = []
    assert len(load(root, lines, splits=["train"], train_size=6, channels=3)["train"]) == 6
    assert lines == []


@pytest.mark.parametrize("train_size", [2, 31])
def test_a_train_size_that_cannot_be_met_is_refused(tmp_path, train_size):
    root = make(tmp_path / "paint")
    with pytest.raises(ConfigError) as caught:
        load(root, train_size=train_size)
    assert str(caught.value) == (
        f"data.train_size: {root} has 30 images to train on, of 3 classes, so it must be 3 to 30. "
        f"Received: {train_size}."
    )
    assert len(load(root, train_size=train_size, splits=["test"])["test"]) == 3  # which does not need it


def test_a_part_has_the_channels_of_the_whole(tmp_path):
    """One colour image decides, whether it is chosen or not."""
    root = make(tmp_path / "paint", mode="L")
    Image.new("RGB", (20, 14), (9, 8, 7)).save(root / "red" / "05.png")
    for seed in range(4):
        assert load(root, train_size=3, split_seed=seed)["train"].in_channels == 3


def test_grey_files_that_were_made_colour_are_counted(tmp_path, monkeypatch):
    root = make(tmp_path / "paint", mode="L")
    assert {split: dataset.num_converted for split, dataset in load(root).items()} == {
        "train": 0, "val": 0, "test": 0
    }  # fmt: skip
    Image.new("RGB", (20, 14), (9, 8, 7)).save(root / "red" / "05.png")
    mixed = load(root)  # one image of colour, in any of the splits but test, makes all colour
    assert sum(dataset.num_converted for dataset in mixed.values()) == 35
    forbid_decoding(monkeypatch)
    again = load(root)
    assert [again[split].num_converted for split in again] == [mixed[split].num_converted for split in mixed]


def test_grey_files_are_counted_without_a_cache_too(tmp_path, monkeypatch):
    root = make(tmp_path / "paint", mode="L", count=4)

    def full(*args, **kwargs):
        raise OSError(28, "no space")

    monkeypatch.setattr(folder_images, "write_image_cache", full)
    assert load(root, splits=["train"], channels=3)["train"].num_converted == 6


def test_images_that_train_size_chooses_must_be_readable(tmp_path):
    root = make(tmp_path / "paint")
    for path in root.glob("red/*.png"):
        path.write_bytes(b"no picture")
    for train_size in (7, 3):  # with 3 no red one is left, which is no other case
        with pytest.raises(DataError, match=r"^data\.train_size: [12] of the [37] images that it chooses"):
            load(root, train_size=train_size)
