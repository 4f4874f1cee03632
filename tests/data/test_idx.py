import gzip
import random
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from cnnlab.data.sources.idx import read_idx_images, read_idx_labels
from cnnlab.errors import DataError

IMAGES = np.random.default_rng(0).integers(0, 256, (7, 4, 4), dtype=np.uint8)
LABELS = np.array([0, 1, 2, 9, 4, 5, 6], dtype=np.uint8)


def idx(array: np.ndarray, *, magic: int | None = None, shape: tuple[int, ...] | None = None) -> bytes:
    magic = 0x0800 | array.ndim if magic is None else magic
    shape = array.shape if shape is None else shape
    return struct.pack(f">{1 + len(shape)}I", magic, *shape) + array.tobytes()


def read(path: Path, content: bytes) -> torch.Tensor:
    path.write_bytes(content)
    return read_idx_images(path, size=4)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_images_and_labels_come_back(tmp_path, pack):
    images = read(tmp_path / "images", pack(idx(IMAGES)))
    assert images.shape == (7, 1, 4, 4) and images.dtype == torch.uint8
    assert np.array_equal(images[:, 0].numpy(), IMAGES)
    (tmp_path / "labels").write_bytes(pack(idx(LABELS)))
    labels = read_idx_labels(tmp_path / "labels", num_classes=10)
    assert labels.dtype == torch.int64 and labels.tolist() == LABELS.tolist()


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "ends within the IDX header (0 of 16 bytes)"),
        (idx(IMAGES)[:15], "ends within the IDX header (15 of 16 bytes)"),
        (idx(IMAGES, magic=0x0D03), "must begin with 0x00000803. Received: 0x00000d03"),
        (idx(LABELS).ljust(16, b"\0"), "not an IDX file of images"),
        (idx(IMAGES, shape=(0, 4, 4)), "holds no images"),
        (idx(IMAGES, shape=(9, 4, 4)), "160 bytes"),
        (idx(IMAGES, shape=(14, 4, 2)), "must be 4x4 pixels. Received: 4x2"),
        (idx(IMAGES)[:-1], "127"),
        (idx(IMAGES) + b"x", "the header says 7 x 4 x 4 values, so 128 bytes. Received: more"),
        (idx(IMAGES, shape=(2**32 - 1,) * 3), "4294967295 x 4294967295"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path, pack, content, message):
    path = tmp_path / "train-images-idx3-ubyte"
    with pytest.raises(DataError) as caught:
        read(path, pack(content))
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)


def test_labels_out_of_range_are_refused(tmp_path):
    (tmp_path / "labels").write_bytes(idx(np.array([3, 10, 200], dtype=np.uint8)))
    with pytest.raises(DataError, match=r"must be 0 to 9\. Received: 10 for image 1"):
        read_idx_labels(tmp_path / "labels", num_classes=10)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"none: cannot be read: No such file"):
        read_idx_images(tmp_path / "none", size=4)


def test_a_gzip_file_with_more_behind_it_is_refused(tmp_path):
    with pytest.raises(DataError, match="wrong length"):
        read(tmp_path / "images", gzip.compress(idx(IMAGES)) + b"more")


def test_a_lying_header_reserves_no_memory(tmp_path):
    # 2^31 x 2^31 images of 4 x 4 from a file of 60 bytes: refused by what gzip can hold, not by allocation.
    with pytest.raises(DataError, match="cannot hold"):
        read(tmp_path / "images", gzip.compress(idx(IMAGES, shape=(2**31, 2**31, 4))))


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_truncation_anywhere_is_noticed(tmp_path, pack):
    whole = pack(idx(IMAGES))
    for size in range(len(whole)):
        with pytest.raises(DataError):
            read(tmp_path / "images", whole[:size])


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_flipped_bits_are_noticed_or_are_pixels(tmp_path, pack):
    whole = pack(idx(IMAGES))
    draw = random.Random(0)
    for _ in range(400):
        damaged = bytearray(whole)
        place = draw.randrange(len(damaged))
        damaged[place] ^= 1 << draw.randrange(8)
        try:
            images = read(tmp_path / "images", bytes(damaged))
        except DataError:
            continue
        # Plain IDX has no checksum: a flipped pixel is a pixel. Gzip has one, over all but its own header.
        assert images.shape == (7, 1, 4, 4)
        assert place >= 16 if pack is bytes else np.array_equal(images[:, 0].numpy(), IMAGES)
