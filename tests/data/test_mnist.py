import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from cnnlab.data import load_data
from cnnlab.data.sources.locate import Places, find_files
from cnnlab.data.sources.mnist import FASHION_MNIST, MNIST, read_mnist
from cnnlab.errors import DataError, MissingResourceError

STEMS = {"train": "train", "test": "t10k"}


def write(folder: Path, part: str, num: int, *, num_labels: int | None = None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(num)
    images = rng.integers(0, 256, num * 784, dtype=np.uint8).tobytes()
    labels = (np.arange(num if num_labels is None else num_labels) % 10).astype(np.uint8).tobytes()
    stem = STEMS[part]
    images_file = struct.pack(">4I", 0x803, num, 28, 28) + images
    (folder / f"{stem}-images-idx3-ubyte.gz").write_bytes(gzip.compress(images_file, 1))
    (folder / f"{stem}-labels-idx1-ubyte").write_bytes(struct.pack(">2I", 0x801, len(labels)) + labels)


def read(root: Path, part: str = "train", file_set=MNIST, **kwargs):
    return read_mnist(file_set, part, Places((root,), False, print), **kwargs)


@pytest.mark.parametrize("folder", ["MNIST/raw", "mnist/raw", "mnist"])
def test_known_places_packed_or_not(tmp_path, folder):
    write(tmp_path / folder, "train", 30)
    images, labels = read(tmp_path)
    assert images.shape == (30, 1, 28, 28) and labels.tolist() == [label % 10 for label in range(30)]


def test_train_and_val_do_not_need_the_test_files(tmp_path):
    write(tmp_path / "mnist", "train", 40)
    sets = load_data("mnist", root=tmp_path, splits=["val", "train"], val_size=10, download=False)
    assert list(sets) == ["val", "train"] and [len(dataset) for dataset in sets.values()] == [10, 30]
    with pytest.raises(MissingResourceError, match="t10k-images-idx3-ubyte"):
        load_data("mnist", root=tmp_path, val_size=10, download=False)


def test_the_two_sets_share_file_names_and_are_not_taken_for_each_other(tmp_path):
    write(tmp_path, "train", 30)  # in the root itself, of neither set
    for file_set in (MNIST, FASHION_MNIST):
        with pytest.raises(MissingResourceError):
            read(tmp_path, file_set=file_set)


def test_a_folder_that_holds_the_published_files_themselves(shared_data, tmp_path):
    raw = shared_data("fashion-mnist") / "FashionMNIST" / "raw"
    images, labels = read(raw, "test", FASHION_MNIST)
    assert images.shape == (10_000, 1, 28, 28) and labels.bincount().tolist() == [1000] * 10
    with pytest.raises(MissingResourceError):
        read(raw, "test", MNIST)
    for name in ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"):
        (tmp_path / name).write_bytes(gzip.decompress((raw / f"{name}.gz").read_bytes()))
    assert torch.equal(read(tmp_path, "test", FASHION_MNIST)[0], images)


@pytest.mark.parametrize("file_set", [MNIST, FASHION_MNIST], ids=["mnist", "fashion-mnist"])
def test_published_hashes_are_those_of_the_files(shared_data, file_set):
    for file in file_set.files:
        path = shared_data(file_set.dataset) / file_set.folders[0] / file.name
        assert path.stat().st_size == file.size
        assert find_files(file_set, [file.name], [path.parent]) == {file.name: path}


def test_labels_of_another_number_are_refused(tmp_path):
    write(tmp_path / "mnist", "train", 30, num_labels=29)
    with pytest.raises(DataError, match=r"one label for each image .* Received: 29 labels for 30 images"):
        read(tmp_path)


def test_both_damaged_files_are_reported_on_request(tmp_path):
    write(tmp_path / "mnist", "train", 30)
    for path in (tmp_path / "mnist").iterdir():
        path.write_bytes(path.read_bytes()[:-5])
    found = []
    images, labels = read(tmp_path, on_damage=lambda path, error: found.append(path.name))
    assert found == ["train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte"]
    assert len(images) == len(labels) == 0


def test_one_missing_file_is_named_and_its_place(tmp_path):
    write(tmp_path / "MNIST" / "raw", "train", 30)
    (tmp_path / "MNIST" / "raw" / "train-labels-idx1-ubyte").unlink()
    with pytest.raises(MissingResourceError) as caught:
        read(tmp_path)
    message = str(caught.value)
    assert "train-labels-idx1-ubyte.gz" in message and str(tmp_path / "MNIST" / "raw") in message
    assert "images" not in message


def test_real_mnist(shared_data):
    sets = load_data("mnist", root=shared_data("mnist"), download=False)
    assert [len(dataset) for dataset in sets.values()] == [55_000, 5_000, 10_000]
    assert sets["test"].labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert all(dataset.is_digits for dataset in sets.values())
