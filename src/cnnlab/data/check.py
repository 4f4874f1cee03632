"""What is wrong with a data set: damaged files, exact duplicates, images in more than one split.

None of the named sets has an exact duplicate. The 43 pairs in train, 1 in test and 10 images in both that are
often quoted of Fashion-MNIST were in the files of its first week; those published since 31 August 2017 have
none (github.com/zalandoresearch/fashion-mnist, issue 44 and commit 658ec8c).
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cnnlab.data.catalogue import DATASETS
from cnnlab.data.images.decode import decode_image
from cnnlab.data.images.decode_many import decode_many
from cnnlab.data.load import folder_named, read_part
from cnnlab.data.sources import synthetic
from cnnlab.data.sources.folder import FolderFile, scan_folder
from cnnlab.data.sources.locate import Places, data_roots, find_files
from cnnlab.data.sources.published import FileSet
from cnnlab.data.sources.unpack import PackedFile
from cnnlab.errors import DataError


@dataclass(frozen=True)
class DataReport:
    """What `check_data` found.

    Splits are those of the data itself, before validation is cut off: the official `train` and `test`, the
    split folders of a folder, or `all` for a folder without. An image is called by its place in its split, or
    by its path in the folder. Images are the same if every pixel is.

    Attributes:
        name: the data set, or the folder's path.
        class_names: in the order of the labels.
        counts: by split, readable images of each class.
        unreadable: pairs of a file and what is wrong with it.
        altered: files that can be read but are not, byte for byte, the published ones.
        duplicates: by split, groups of two or more images that are the same.
        shared: for each image that is in more than one split, its places by split.
    """

    name: str
    class_names: tuple[str, ...]
    counts: dict[str, tuple[int, ...]]
    unreadable: tuple[tuple[str, str], ...]
    altered: tuple[str, ...]
    duplicates: dict[str, tuple[tuple[int | str, ...], ...]]
    shared: tuple[dict[str, tuple[int | str, ...]], ...]

    def num_images(self, split: str) -> int:
        """Readable images of a split."""
        return sum(self.counts[split])

    def num_duplicate_pairs(self, split: str) -> int:
        """Pairs of images of a split that are the same: a group of k images has k (k - 1) / 2."""
        return sum(len(group) * (len(group) - 1) // 2 for group in self.duplicates[split])


def check_data(
    name: str | Path,
    *,
    root: Path | str | None = None,
    download: bool = True,
    warn: Callable[[str], None] | None = None,
) -> DataReport:
    """Read all of a data set and report what is wrong; a damaged file is noted and the scan goes on.

    Args:
        name: as `load_data`.
        root: as `load_data`.
        download: as `load_data`.
        warn: as `load_data`.

    Raises:
        ConfigError: the name is wrong.
        DataError: a folder's structure is wrong, so that there is nothing to scan.
        MissingResourceError: data is not on this machine and cannot be downloaded.
    """
    name = str(name)
    warn = warn or (lambda message: None)
    folder = folder_named(name)
    if folder is not None:
        return _check_folder(folder, warn=warn)
    places = Places(data_roots(root), download, warn)
    class_names = DATASETS[name].class_names if name in DATASETS else synthetic.CLASS_NAMES
    finds = _Finds()
    unreadable: list[tuple[str, str]] = []

    def on_damage(path: Path, error: DataError) -> None:
        unreadable.append((str(path), str(error)))

    for part in ("train", "test"):
        images, labels, class_names = read_part(name, part, places, on_damage=on_damage)
        finds.add_split(part)
        for place, (image, label) in enumerate(zip(images.numpy(), labels.tolist(), strict=True)):
            finds.add(part, place, label, _digest(image))
    file_sets = DATASETS[name].file_sets if name in DATASETS else ()
    altered = _altered_files(file_sets, places.roots, known_bad={path for path, _reason in unreadable})
    return finds.report(name, class_names, unreadable, altered)


def _check_folder(root: Path, *, warn: Callable[[str], None]) -> DataReport:
    """Decode every image of a folder at its full size."""
    folder = scan_folder(root, warn=warn)
    finds = _Finds()
    unreadable: list[tuple[str, str]] = []

    def digest_of(file: FolderFile) -> bytes:
        return _digest(decode_image(root / file.path).numpy())

    for part, files in folder.files.items():
        split = part if folder.has_splits else "all"
        finds.add_split(split)
        for file, digest in decode_many(files, digest_of):
            if isinstance(digest, DataError):
                unreadable.append((file.path, str(digest)))
            else:
                finds.add(split, file.path, file.label, digest)
    return finds.report(str(root), folder.class_names, unreadable, [])


def _digest(image: np.ndarray) -> bytes:
    """Return sixteen bytes that two images share only if they are the same."""
    return hashlib.blake2b(repr(image.shape).encode() + image.tobytes(), digest_size=16).digest()


class _Finds:
    """Images by the digest of their content."""

    def __init__(self) -> None:
        self._labels: dict[str, list[int]] = {}
        self._places: dict[bytes, dict[str, list[int | str]]] = defaultdict(dict)

    def add_split(self, split: str) -> None:
        self._labels[split] = []

    def add(self, split: str, place: int | str, label: int, digest: bytes) -> None:
        self._labels[split].append(label)
        self._places[digest].setdefault(split, []).append(place)

    def report(
        self,
        name: str,
        class_names: tuple[str, ...],
        unreadable: list[tuple[str, str]],
        altered: list[str],
    ) -> DataReport:
        counts = {
            split: tuple(np.bincount(np.array(labels, dtype=np.int64), minlength=len(class_names)).tolist())
            for split, labels in self._labels.items()
        }
        found = list(self._places.values())
        duplicates = {
            split: tuple(tuple(places[split]) for places in found if len(places.get(split, ())) > 1)
            for split in self._labels
        }
        shared = tuple(
            {split: tuple(group) for split, group in places.items()} for places in found if len(places) > 1
        )
        return DataReport(name, class_names, counts, tuple(unreadable), tuple(altered), duplicates, shared)


def _altered_files(
    file_sets: tuple[FileSet, ...], roots: tuple[Path, ...], *, known_bad: set[str]
) -> list[str]:
    """Return the paths of files whose content is not the published one, but for those known to be damaged."""
    altered: list[str] = []
    for file_set in file_sets:
        for file in file_set.files:
            path = (find_files(file_set, [file.name], roots) or {}).get(file.name)
            if path is None or str(path) in known_bad:
                continue
            wanted = {file.sha256, file.sha256_unpacked}
            if hashlib.sha256(path.read_bytes()).hexdigest() in wanted:
                continue
            if PackedFile(path).sha256_unpacked() not in wanted:  # a copy that was packed anew is no change
                altered.append(str(path))
    return altered
