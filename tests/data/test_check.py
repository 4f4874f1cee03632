import gzip
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cnnlab.data import check_data, load_data
from cnnlab.errors import ConfigError, DataError, MissingResourceError

RNG = np.random.default_rng(0)


def write_mnist(folder: Path, images: dict[str, np.ndarray]) -> None:
    folder.mkdir(parents=True)
    for stem, values in images.items():
        content = struct.pack(">4I", 0x803, *values.shape) + values.tobytes()
        (folder / f"{stem}-images-idx3-ubyte").write_bytes(content)
        labels = np.arange(len(values), dtype=np.uint8) % 10
        content = struct.pack(">2I", 0x801, len(labels)) + labels.tobytes()
        (folder / f"{stem}-labels-idx1-ubyte").write_bytes(content)


def test_planted_duplicates_and_leakage_are_counted_exactly(tmp_path):
    """As many as the first release of Fashion-MNIST had: 43 pairs in train, 1 in test, 10 in both."""
    train = RNG.integers(0, 256, (2000, 28, 28), dtype=np.uint8)
    test = RNG.integers(0, 256, (500, 28, 28), dtype=np.uint8)
    train[1000:1043] = train[:43]
    test[400] = test[7]
    test[100:110] = train[500:510]
    write_mnist(tmp_path / "fashion-mnist", {"train": train, "t10k": test})
    report = check_data("fashion-mnist", root=tmp_path, download=False)
    assert report.num_duplicate_pairs("train") == 43
    assert report.duplicates["train"][0] == (0, 1000)
    assert report.duplicates["test"] == ((7, 400),)
    assert len(report.shared) == 10
    assert report.shared[0] == {"train": (500,), "test": (100,)}


def test_a_group_of_k_has_k_over_2_pairs(tmp_path):
    images = RNG.integers(0, 256, (50, 28, 28), dtype=np.uint8)
    images[10:13] = images[3]
    write_mnist(
        tmp_path / "mnist", {"train": images, "t10k": RNG.integers(0, 256, (20, 28, 28), dtype=np.uint8)}
    )
    report = check_data("mnist", root=tmp_path, download=False)
    assert report.duplicates["train"] == ((3, 10, 11, 12),)
    assert report.num_duplicate_pairs("train") == 6


def test_one_pixel_makes_a_different_image(tmp_path):
    images = RNG.integers(0, 256, (50, 28, 28), dtype=np.uint8)
    images[1] = images[0]
    images[1, 27, 27] ^= 1
    write_mnist(tmp_path / "mnist", {"train": images[:40], "t10k": images[40:]})
    report = check_data("mnist", root=tmp_path, download=False)
    assert report.num_duplicate_pairs("train") == 0 and report.shared == ()


def test_fashion_mnist_as_published_today_is_clean(shared_data):
    """Those of the first release were replaced: github.com/zalandoresearch/fashion-mnist, issue 44."""
    report = check_data("fashion-mnist", root=shared_data("fashion-mnist"), download=False)
    assert report.counts == {"train": (6000,) * 10, "test": (1000,) * 10}
    assert (report.num_duplicate_pairs("train"), report.num_duplicate_pairs("test")) == (0, 0)
    assert report.shared == () and report.unreadable == () and report.altered == ()


def test_digits_are_clean():
    report = check_data("digits")
    assert report.num_images("train") == 1437 and report.num_images("test") == 360
    assert report.duplicates == {"train": (), "test": ()} and report.shared == ()


def test_a_damaged_file_is_named_and_the_scan_goes_on(shared_data, tmp_path):
    raw = tmp_path / "MNIST" / "raw"
    shutil.copytree(shared_data("mnist") / "MNIST" / "raw", raw)
    path = raw / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:1_000_000])
    report = check_data("mnist", root=tmp_path, download=False)
    assert [file for file, _reason in report.unreadable] == [str(path)]
    assert "ends early" in report.unreadable[0][1]
    assert report.num_images("train") == 0 and report.num_images("test") == 10_000


def test_a_flipped_pixel_in_a_file_without_checksum_is_noticed(shared_data, tmp_path):
    raw = tmp_path / "MNIST" / "raw"
    shutil.copytree(shared_data("mnist") / "MNIST" / "raw", raw)
    packed = raw / "t10k-images-idx3-ubyte.gz"
    content = bytearray(gzip.decompress(packed.read_bytes()))
    packed.unlink()
    path = raw / "t10k-images-idx3-ubyte"
    path.write_bytes(content)
    assert check_data("mnist", root=tmp_path, download=False).altered == ()  # unpacked is no change
    content[5000] ^= 1
    path.write_bytes(content)
    report = check_data("mnist", root=tmp_path, download=False)
    assert report.altered == (str(path),) and report.unreadable == ()
    lines: list[str] = []
    load_data("mnist", root=tmp_path, download=False, warn=lines.append)
    assert len(lines) == 1 and "mnist: its test part is not the published one" in lines[0]


def test_published_files_packed_anew_are_no_change(shared_data, tmp_path):
    raw = tmp_path / "MNIST" / "raw"
    shutil.copytree(shared_data("mnist") / "MNIST" / "raw", raw)
    path = raw / "t10k-labels-idx1-ubyte.gz"
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()), 1))
    assert check_data("mnist", root=tmp_path, download=False).altered == ()


def make_folder(root: Path) -> Path:
    for split in ("train", "test"):
        for name in ("cat", "dog"):
            folder = root / split / name
            folder.mkdir(parents=True)
            for number in range(4):
                Image.fromarray(RNG.integers(0, 256, (9, 7, 3), dtype=np.uint8)).save(
                    folder / f"{number}.png"
                )
    return root


def test_folders(tmp_path):
    root = make_folder(tmp_path / "pets")
    # The same pixels in another format and under another class; and in the other split.
    Image.open(root / "train" / "cat" / "1.png").save(root / "train" / "dog" / "copy.bmp")
    shutil.copy(root / "train" / "cat" / "2.png", root / "test" / "cat" / "leak.png")
    (root / "test" / "dog" / "3.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    report = check_data(str(root))
    assert report.counts == {"train": (4, 5), "test": (5, 3)}
    assert report.duplicates == {"train": (("train/cat/1.png", "train/dog/copy.bmp"),), "test": ()}
    assert report.shared == ({"train": ("train/cat/2.png",), "test": ("test/cat/leak.png",)},)
    assert [file for file, _reason in report.unreadable] == ["test/dog/3.png"]
    assert "3.png: is damaged" in report.unreadable[0][1]


def test_a_folder_without_splits_is_one(tmp_path):
    report = check_data(str(make_folder(tmp_path / "pets") / "train"))
    assert report.counts == {"all": (4, 4)} and report.class_names == ("cat", "dog")
    assert report.duplicates == {"all": ()} and report.unreadable == ()


def test_what_cannot_be_checked_at_all(tmp_path):
    with pytest.raises(ConfigError, match="Did you mean"):
        check_data("minst")
    with pytest.raises(MissingResourceError):
        check_data(str(tmp_path / "none"))
    with pytest.raises(MissingResourceError):
        check_data("mnist", root=tmp_path, download=False)
    with pytest.raises(DataError, match="two class folders"):
        check_data(str(tmp_path))


def test_synthetic_images_can_be_checked():
    assert check_data("synthetic:1x8x8x100").num_images("train") == 100


def test_a_file_that_may_not_be_read_is_named_and_the_scan_goes_on(tmp_path, monkeypatch):
    images = RNG.integers(0, 256, (20, 28, 28), dtype=np.uint8)
    write_mnist(tmp_path / "mnist", {"train": images, "t10k": images})
    locked = tmp_path / "mnist" / "train-images-idx3-ubyte"
    read_bytes = Path.read_bytes

    def refuse(path):
        if path == locked:
            raise PermissionError(13, "Permission denied")
        return read_bytes(path)

    monkeypatch.setattr(Path, "read_bytes", refuse)
    report = check_data("mnist", root=tmp_path, download=False)
    assert report.unreadable == ((str(locked), f"{locked}: cannot be read: Permission denied."),)
    assert str(locked) not in report.altered and report.num_images("test") == 20
