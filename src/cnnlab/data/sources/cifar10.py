"""CIFAR-10 in its binary version: records of 1 label byte and 3,072 bytes of red, green and blue planes.

The Python version of the set is pickle, which can run code, and is never read.

Source: A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.
"""

import tarfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from cnnlab.data.sources.locate import OnDamage, Places, find_files, obtain_files
from cnnlab.data.sources.published import FileSet, PublishedFile
from cnnlab.data.sources.unpack import PackedFile
from cnnlab.errors import DataError

IMAGE_SIZE = 32
CLASS_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

RECORD_SIZE = 1 + 3 * IMAGE_SIZE**2
RECORDS_PER_BATCH = 10_000

_FOLDER = "cifar-10-batches-bin"
_NAMES_FILE = "batches.meta.txt"
_BATCHES = {
    "train": tuple(f"data_batch_{number}.bin.gz" for number in range(1, 6)),
    "test": ("test_batch.bin.gz",),
}
_UNPACKED_SHA256 = {
    "data_batch_1.bin.gz": "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5",
    "data_batch_2.bin.gz": "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed",
    "data_batch_3.bin.gz": "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67",
    "data_batch_4.bin.gz": "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48",
    "data_batch_5.bin.gz": "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add",
    "test_batch.bin.gz": "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b",
}

CIFAR10_BATCHES = FileSet(
    dataset="cifar10",
    folders=(_FOLDER, "cifar10", f"cifar10/{_FOLDER}"),
    has_own_names=True,
    # Only their unpacked form is published, within the archive.
    files=tuple(PublishedFile(name, 0, "", sha256, ()) for name, sha256 in _UNPACKED_SHA256.items()),
)
CIFAR10_ARCHIVE = FileSet(
    dataset="cifar10",
    folders=("cifar10", _FOLDER),
    has_own_names=True,
    files=(
        PublishedFile(
            "cifar-10-binary.tar.gz",
            170_052_171,
            "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
            "",
            (
                "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
                "https://storage.googleapis.com/s4tf-hosted-binaries/datasets/CIFAR10/cifar-10-binary.tar.gz",
                "https://cave.cs.toronto.edu/kriz/cifar-10-binary.tar.gz",
            ),
        ),
    ),
)


def read_cifar10(
    part: str, places: Places, *, on_damage: OnDamage | None = None
) -> tuple[Tensor, Tensor, tuple[str, ...]]:
    """Read the `train` or `test` part from loose batches, unpacked or gzipped, or from the published archive.

    Args:
        part: `train` or `test`.
        places: where to look.
        on_damage: told of each damaged file, which is then left out; else the first is an error.

    Returns:
        N x 3 x 32 x 32, uint8; N labels, int64; and the class names.

    Raises:
        DataError: a file is damaged.
        MissingResourceError: the files are missing and cannot be downloaded.
    """
    paths = find_files(CIFAR10_BATCHES, _BATCHES[part], places.roots)
    num_batches = len(_BATCHES[part])
    images = torch.empty(num_batches, RECORDS_PER_BATCH, 3, IMAGE_SIZE, IMAGE_SIZE, dtype=torch.uint8)
    labels = torch.empty(num_batches, RECORDS_PER_BATCH, dtype=torch.int64)
    names = CLASS_NAMES
    contents: dict[str, bytes] = {}
    archive = Path()
    if paths is None:
        (archive,) = obtain_files(CIFAR10_ARCHIVE, [CIFAR10_ARCHIVE.files[0].name], places).values()
        try:
            contents, names = _read_archive(archive, _BATCHES[part])
        except DataError as error:
            if on_damage is None:
                raise
            on_damage(archive, error)
            return images[:0].flatten(0, 1), labels[:0].flatten(), names
    else:
        names_path = paths[_BATCHES[part][0]].parent / _NAMES_FILE
        try:
            names = _read_names(names_path)
        except DataError as error:
            if on_damage is None:
                raise
            on_damage(names_path, error)

    def read_batch(number: int) -> tuple[Path, DataError] | None:
        name = _BATCHES[part][number]
        path = archive / name if paths is None else paths[name]
        try:
            if paths is not None:
                reason = f"a batch is {RECORDS_PER_BATCH} records of {RECORD_SIZE} bytes"
                content = PackedFile(path).read(RECORDS_PER_BATCH * RECORD_SIZE, reason=reason)
            else:
                content = contents[name]
            parse_batch(content, path, images[number].numpy(), labels[number].numpy())
        except DataError as error:
            return path, error
        return None

    with ThreadPoolExecutor() as threads:  # unpacking releases Python's lock
        damages = list(threads.map(read_batch, range(num_batches)))
    for damage in damages:
        if damage is not None:
            if on_damage is None:
                raise damage[1]
            on_damage(*damage)
    kept = [number for number, damage in enumerate(damages) if damage is None]
    if len(kept) < num_batches:
        images, labels = images[kept], labels[kept]
    return images.flatten(0, 1), labels.flatten(), names


def parse_batch(content: bytes, path: Path, images: np.ndarray, labels: np.ndarray) -> None:
    """Write one batch's records into the arrays.

    Args:
        content: the records.
        path: where they are from, for messages.
        images: N x 3 x 32 x 32, uint8.
        labels: N, int64.

    Raises:
        DataError: the content is not N records, or a label is not 0 to 9.
    """
    if len(content) != len(images) * RECORD_SIZE:
        raise DataError(
            f"{path}: must be {len(images)} records of {RECORD_SIZE} bytes. Received: {len(content)} bytes."
        )
    records = np.frombuffer(content, dtype=np.uint8).reshape(-1, RECORD_SIZE)
    if records[:, 0].max() >= len(CLASS_NAMES):
        place = int(np.argmax(records[:, 0] >= len(CLASS_NAMES)))
        raise DataError(f"{path}: labels must be 0 to 9. Received: {records[place, 0]} in record {place}.")
    labels[:] = records[:, 0]
    images[:] = records[:, 1:].reshape(images.shape)


def parse_names(content: bytes, path: Path) -> tuple[str, ...]:
    """Return the ten class names of `batches.meta.txt`, one a line.

    Raises:
        DataError: there are not ten different names.
    """
    names = tuple(
        line.strip() for line in content.decode("utf-8", errors="replace").splitlines() if line.strip()
    )
    if len(set(names)) != len(CLASS_NAMES) or len(names) != len(CLASS_NAMES):
        raise DataError(
            f"{path}: must give ten different class names, one a line. Received: {len(names)} names."
        )
    return names


def _read_names(path: Path) -> tuple[str, ...]:
    """Return the class names from the file that may lie beside the batches."""
    return parse_names(PackedFile(path).head(4096), path) if path.is_file() else CLASS_NAMES


def _read_archive(path: Path, batch_names: tuple[str, ...]) -> tuple[dict[str, bytes], tuple[str, ...]]:
    """Take the wanted members into memory; no path that the archive names is ever written to."""
    wanted = {f"{_FOLDER}/{name.removesuffix('.gz')}": name for name in batch_names}
    contents: dict[str, bytes] = {}
    names = CLASS_NAMES
    try:
        with tarfile.open(path, "r|*") as archive:
            for member in archive:
                file = archive.extractfile(member) if member.isreg() else None
                if file and member.name in wanted and member.size == RECORDS_PER_BATCH * RECORD_SIZE:
                    contents[wanted[member.name]] = file.read()
                elif file and member.name == f"{_FOLDER}/{_NAMES_FILE}":
                    names = parse_names(file.read(4096), path)
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: does not unpack: {error}.") from None
    missing = sorted(set(batch_names) - contents.keys())
    if missing:
        name = missing[0].removesuffix(".gz")
        raise DataError(f"{path}: is not the published archive: it has no whole {name}.")
    return contents, names
