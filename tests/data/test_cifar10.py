import gzip
import io
import random
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch

from cnnlab.data.sources import cifar10
from cnnlab.data.sources.locate import Places
from cnnlab.errors import DataError, MissingResourceError

NUM = 3  # records in a batch of these tests
RNG = np.random.default_rng(0)
NAMES = [*(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin"]


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    monkeypatch.setattr(cifar10, "RECORDS_PER_BATCH", NUM)


def batch() -> bytes:
    records = RNG.integers(0, 256, (NUM, cifar10.RECORD_SIZE), dtype=np.uint8)
    records[:, 0] %= 10
    return records.tobytes()


BATCHES = {name: batch() for name in NAMES}


def write(folder: Path, batches: dict[str, bytes], *, packed: bool = False) -> Path:
    folder.mkdir(parents=True)
    for name, content in batches.items():
        (folder / (name + ".gz" * packed)).write_bytes(gzip.compress(content) if packed else content)
    return folder


def archive(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return file.getvalue()


def read(root: Path, part: str = "train", **kwargs):
    return cifar10.read_cifar10(part, Places((root,), False, print), **kwargs)


def check(images: torch.Tensor, labels: torch.Tensor, names: list[str]) -> None:
    records = np.frombuffer(b"".join(BATCHES[name] for name in names), dtype=np.uint8)
    records = records.reshape(-1, cifar10.RECORD_SIZE)
    assert images.shape == (NUM * len(names), 3, 32, 32) and images.dtype == torch.uint8
    assert labels.tolist() == records[:, 0].tolist()
    red_of_first_row = records[0, 1:33]
    assert images[0, 0, 0].tolist() == red_of_first_row.tolist()
    assert images[0, 1, 0, 0] == records[0, 1 + 1024]  # green follows all of red
    assert np.array_equal(images.flatten(1).numpy(), records[:, 1:])


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("folder", ["cifar-10-batches-bin", "cifar10", "cifar10/cifar-10-batches-bin", ""])
def test_loose_batches_in_the_known_places(tmp_path, folder, packed):
    root = tmp_path / "root"
    write(root / folder, BATCHES, packed=packed)
    images, labels, names = read(root)
    check(images, labels, NAMES[:5])
    assert names == cifar10.CLASS_NAMES
    images, labels, _names = read(root, "test")
    check(images, labels, NAMES[5:])


def test_train_does_not_need_the_test_batch(tmp_path):
    write(tmp_path / "cifar10", {name: BATCHES[name] for name in NAMES[:5]})
    check(*read(tmp_path)[:2], NAMES[:5])
    with pytest.raises(MissingResourceError, match=r"cifar-10-binary\.tar\.gz not found"):
        read(tmp_path, "test")


def test_the_archive_as_published(tmp_path):
    members = {f"cifar-10-batches-bin/{name}": content for name, content in BATCHES.items()}
    members["cifar-10-batches-bin/batches.meta.txt"] = "\n".join(cifar10.CLASS_NAMES[::-1]).encode()
    (tmp_path / "cifar-10-binary.tar.gz").write_bytes(archive(members))
    images, labels, names = read(tmp_path)
    check(images, labels, NAMES[:5])
    assert names == cifar10.CLASS_NAMES[::-1]


def test_no_path_in_an_archive_is_written_to_or_followed(tmp_path):
    canary = tmp_path / "canary"
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as tar:
        for name in ("../canary", str(canary), "cifar-10-batches-bin/../../canary"):
            info = tarfile.TarInfo(name)
            info.size = 4
            tar.addfile(info, io.BytesIO(b"evil"))
        for name in NAMES:
            link = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
            tar.addfile(link)
    root = tmp_path / "root"
    root.mkdir()
    (root / "cifar-10-binary.tar.gz").write_bytes(file.getvalue())
    with pytest.raises(DataError, match="not the published archive"):
        read(root)
    assert not canary.exists()
    assert [path.name for path in root.iterdir()] == ["cifar-10-binary.tar.gz"]


def test_a_damaged_archive_is_named(tmp_path):
    members = {f"cifar-10-batches-bin/{name}": content for name, content in BATCHES.items()}
    whole = archive(members)
    path = tmp_path / "cifar-10-binary.tar.gz"
    draw = random.Random(0)
    for _ in range(60):
        damaged = bytearray(whole)
        if draw.random() < 0.5:
            damaged = damaged[: draw.randrange(len(whole) - 5000)]
        else:
            damaged[draw.randrange(len(whole))] ^= 1 << draw.randrange(8)
        path.write_bytes(damaged)
        try:
            read(tmp_path)
        except DataError as error:
            assert str(path) in str(error) and "\n" not in str(error)
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="does not unpack"):
        read(tmp_path)


@pytest.mark.parametrize("packed", [False, True])
def test_truncated_batches_are_named(tmp_path, packed):
    folder = write(tmp_path / "cifar10", BATCHES, packed=packed)
    path = folder / ("data_batch_4.bin" + ".gz" * packed)
    whole = path.read_bytes()
    draw = random.Random(0)
    for size in (0, 1, len(whole) - 1, *(draw.randrange(len(whole)) for _ in range(30))):
        path.write_bytes(whole[:size])
        with pytest.raises(DataError, match=r"data_batch_4\.bin.*: ") as caught:
            read(tmp_path)
        assert "\n" not in str(caught.value)
    path.write_bytes(whole + b"\0")
    with pytest.raises(DataError, match="wrong length"):
        read(tmp_path)


@pytest.mark.parametrize("packed", [False, True])
def test_flipped_bits_are_noticed_or_are_pixels_and_labels(tmp_path, packed):
    folder = write(tmp_path / "cifar10", BATCHES, packed=packed)
    path = folder / ("test_batch.bin" + ".gz" * packed)
    whole = path.read_bytes()
    draw = random.Random(0)
    for _ in range(100):
        damaged = bytearray(whole)
        damaged[draw.randrange(len(whole))] ^= 1 << draw.randrange(8)
        path.write_bytes(damaged)
        try:
            images, labels, _names = read(tmp_path, "test")
        except DataError:
            continue
        assert len(images) == NUM and labels.max() < 10
        if packed:  # gzip has a checksum: what comes through undetected is its header
            check(images, labels, NAMES[5:])


def test_a_label_out_of_range_is_named(tmp_path):
    folder = write(tmp_path / "cifar10", BATCHES)
    content = bytearray(BATCHES["data_batch_2.bin"])
    content[2 * cifar10.RECORD_SIZE] = 10
    (folder / "data_batch_2.bin").write_bytes(content)
    with pytest.raises(
        DataError, match=r"data_batch_2\.bin: labels must be 0 to 9\. Received: 10 in record 2"
    ):
        read(tmp_path)


def test_damaged_batches_are_left_out_on_request(tmp_path):
    folder = write(tmp_path / "cifar10", BATCHES)
    for number in (2, 4):
        (folder / f"data_batch_{number}.bin").write_bytes(b"short")
    found = []
    images, labels, _names = read(tmp_path, on_damage=lambda path, error: found.append(path.name))
    assert found == ["data_batch_2.bin", "data_batch_4.bin"]
    check(images, labels, [NAMES[0], NAMES[2], NAMES[4]])


@pytest.mark.parametrize("names", ["cat\ndog", "cat\n" * 10, ""])
def test_wrong_class_names_are_refused(tmp_path, names):
    folder = write(tmp_path / "cifar10", BATCHES)
    (folder / "batches.meta.txt").write_text(names)
    with pytest.raises(DataError, match=r"batches\.meta\.txt: must give ten different class names"):
        read(tmp_path)


def test_pickled_batches_are_not_looked_at(tmp_path):
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    (folder / "data_batch_1").write_bytes(b"cos\nsystem\n(S'touch canary'\ntR.")
    with pytest.raises(MissingResourceError):
        read(tmp_path)
