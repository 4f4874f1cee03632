"""A folder of class folders: which images it holds, and which split each of them is in.

Either `FOLDER/CLASS/IMAGE`, split here, or `FOLDER/{train,val,test}/CLASS/IMAGE`, where `val` or `test` may
be missing and is then cut from `train`; where `train` is missing, the others serve for evaluation alone. A
label is the place of the class folder's name in sorted order.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from cnnlab.data.sources.class_name import class_name
from cnnlab.data.splits import check_val_size, named_keys, stratified_cut
from cnnlab.errors import ConfigError, DataError
from cnnlab.pictures import SUFFIXES

SPLIT_FOLDERS = ("train", "val", "test")
CUT_FRACTION = 0.1
"""Share of each class that goes to test, and to val, where the folder does not say; at least one image."""

_HIDDEN = ("__MACOSX", "@eaDir")  # left behind by archives and network drives


@dataclass(frozen=True)
class FolderFile:
    """One image file.

    Attributes:
        path: relative to the folder, with forward slashes.
        label: its class.
        size: in bytes.
        changed: when its content (mtime) and its inode (ctime) changed last, in nanoseconds.
    """

    path: str
    label: int
    size: int
    changed: tuple[int, int]


@dataclass(frozen=True)
class Folder:
    """What a scan found.

    Attributes:
        root: the folder.
        class_names: sorted.
        files: by split folder; all under `train` where there are no split folders.
        has_splits: True if there are split folders.
    """

    root: Path
    class_names: tuple[str, ...]
    files: dict[str, tuple[FolderFile, ...]]
    has_splits: bool


def scan_folder(root: Path, *, warn: Callable[[str], None]) -> Folder:
    """List the images of a folder; opens none of them.

    Hidden files and folders are passed over; so are links that lead out of the folder and files not named as
    images, of which `warn` is told.

    Raises:
        DataError: there are fewer than two class folders, an empty one, one with folders inside, or split
            folders that disagree about the classes.
    """
    ignored: list[str] = []
    folders, loose = _entries(root, root, ignored)
    names = [Path(entry.path).name for entry in folders]
    has_splits = bool(set(names) & set(SPLIT_FOLDERS))
    if has_splits and not set(names) <= set(SPLIT_FOLDERS):
        first, others = next(name for name in SPLIT_FOLDERS if name in names), set(names) - set(SPLIT_FOLDERS)
        rest = " and ".join(name for name in SPLIT_FOLDERS if name != first)
        raise DataError(
            f"{root}: beside {first} there may only be {rest}. Received: {_listed(sorted(others))}; "
            f"move class folders into train, and name splits train, val and test."
        )
    ignored += [entry.path for entry in loose]
    parts = {name: root / name for name in names} if has_splits else {"train": root}
    listings = {part: _scan_classes(root, folder, ignored) for part, folder in parts.items()}
    reference = next(part for part in SPLIT_FOLDERS if part in listings)
    class_names = tuple(listings[reference])
    for part, classes in listings.items():
        _check_classes(parts[part], tuple(classes), class_names, reference)
    if ignored:
        warn(
            f"{root}: passed over {len(set(ignored))} files that are no images of it, such as {min(ignored)}"
        )
    files = {
        part: tuple(
            FolderFile(entry.path, label, entry.size, entry.changed)
            for label, name in enumerate(class_names)
            for entry in classes[name]
        )
        for part, classes in listings.items()
    }
    return Folder(root, class_names, files, has_splits)


def split_folder(
    folder: Folder, wanted: Sequence[str] = SPLIT_FOLDERS, *, val_size: int | None, split_seed: int
) -> dict[str, tuple[FolderFile, ...]]:
    """Assign every file to a split; all splits are returned, of which those `wanted` must be there.

    Where there is no test folder, a tenth of each class is the test part: a function of the file names alone,
    so that neither the seed nor the machine moves an image into it or out of it, and an added file moves at
    most one. Validation is cut from the rest, by seed: `val_size` images in all, or a tenth of each class.

    Raises:
        DataError: a class has too few images for all splits, or there is no train for a split that is wanted.
        ConfigError: `val_size` leaves a class without images to train on, or is given beside a val folder.
    """
    splits = dict(folder.files)
    if "train" not in splits:
        if absent := [split for split in wanted if split not in splits]:
            raise DataError(
                f"{folder.root}: has {_listed(splits)} but no folder train, so that there is nothing for "
                f"{_listed(absent)}; add it, or rename them."
            )
        return splits
    num_needed = 1 + ("val" not in splits) + ("test" not in splits)
    counts = np.bincount([file.label for file in splits["train"]], minlength=len(folder.class_names))
    if counts.min() < num_needed:
        name = folder.class_names[int(counts.argmin())]
        raise DataError(
            f"{folder.root}: class {name!r} must have at least {num_needed} images to be split. "
            f"Received: {counts.min()}."
        )
    if "test" not in splits:
        splits["train"], splits["test"] = _cut(splits["train"], None, seed=0, purpose="test")
    if "val" not in splits:
        if val_size is not None:
            check_val_size(val_size, len(splits["train"]), name=str(folder.root))
        splits["train"], splits["val"] = _cut(splits["train"], val_size, seed=split_seed, purpose="val")
        emptied = set(range(len(folder.class_names))) - {file.label for file in splits["train"]}
        if emptied:
            name = folder.class_names[min(emptied)]
            raise ConfigError(
                f"data.val_size: leaves no image of class {name!r} in train. Received: {val_size}."
            )
    elif val_size is not None:
        raise ConfigError(
            f"data.val_size: {folder.root} has a val folder; leave it out. Received: {val_size}."
        )
    return {split: splits[split] for split in SPLIT_FOLDERS}


def _cut(
    files: Sequence[FolderFile], size: int | None, *, seed: int, purpose: str
) -> tuple[tuple[FolderFile, ...], tuple[FolderFile, ...]]:
    """Cut `size` files off, or a tenth of each class."""
    labels = torch.tensor([file.label for file in files])
    keys = named_keys([file.path for file in files], seed=seed, purpose=purpose)
    if size is not None:
        rest, cut = (set(part.tolist()) for part in stratified_cut(labels, size, keys))
    else:
        cut: set[int] = set()
        for label in labels.unique().tolist():
            members = np.flatnonzero(labels.numpy() == label)
            quota = max(1, round(CUT_FRACTION * len(members)))
            cut.update(members[np.argsort(keys[members], kind="stable")[:quota]].tolist())
        rest = set(range(len(files))) - cut
    return tuple(files[place] for place in sorted(rest)), tuple(files[place] for place in sorted(cut))


@dataclass(frozen=True)
class _Entry:
    path: str
    size: int
    changed: tuple[int, int]


def _scan_classes(root: Path, folder: Path, ignored: list[str]) -> dict[str, list[_Entry]]:
    """List the images of each class folder, sorted."""
    classes: dict[str, list[_Entry]] = {}
    folders, loose = _entries(root, folder, ignored)
    ignored += [entry.path for entry in loose if folder != root]
    for entry in folders:
        inner, files = _entries(root, root / entry.path, ignored)
        if inner:
            inside = _listed(Path(found.path).name for found in inner)
            raise DataError(
                f"{root / entry.path}: a class folder must hold images only. Received: folders {inside}; "
                f"is it the data set itself that is meant? (Split folders are named train, val and test.)"
            )
        images = [file for file in files if file.path.lower().endswith(SUFFIXES)]
        ignored += [file.path for file in files if not file.path.lower().endswith(SUFFIXES)]
        if not images:
            raise DataError(f"{root / entry.path}: the class folder holds no image; fill it or remove it.")
        classes[class_name(root / entry.path)] = images
    return classes


def _entries(root: Path, folder: Path, ignored: list[str]) -> tuple[list[_Entry], list[_Entry]]:
    """Return the visible folders and files of a folder, sorted by name; links out of `root` are ignored."""
    folders: list[_Entry] = []
    files: list[_Entry] = []
    try:
        with os.scandir(folder) as entries:
            for entry in sorted(entries, key=lambda found: found.name):
                if entry.name.startswith(".") or entry.name in _HIDDEN:
                    continue
                path = Path(entry.path).relative_to(root).as_posix()
                if entry.is_symlink() and not _is_inside(Path(entry.path), root):
                    ignored.append(path)
                elif entry.is_dir():
                    folders.append(_Entry(path, 0, (0, 0)))
                elif entry.is_file():
                    status = entry.stat()
                    changed = (status.st_mtime_ns, status.st_ctime_ns)  # a copy can keep the first
                    files.append(_Entry(path, status.st_size, changed))
    except OSError as error:
        raise DataError(f"{folder}: cannot be listed: {error.strerror or error}.") from None
    return folders, files


def _is_inside(link: Path, root: Path) -> bool:
    """True if a link leads to something within the folder."""
    try:
        return link.resolve(strict=True).is_relative_to(root.resolve())
    except (OSError, RuntimeError):  # it leads nowhere, or round in a circle
        return False


def _check_classes(folder: Path, found: tuple[str, ...], wanted: tuple[str, ...], reference: str) -> None:
    """Refuse fewer than two classes, and split folders whose class names are not those of `reference`."""
    if len(found) < 2:
        raise DataError(
            f"{folder}: must hold two class folders or more. Received: {_listed(found) or 'none'}."
        )
    missing, extra = sorted(set(wanted) - set(found)), sorted(set(found) - set(wanted))
    if missing or extra:
        differences = [f"lacks {_listed(missing)}"] * bool(missing) + [f"adds {_listed(extra)}"] * bool(extra)
        raise DataError(
            f"{folder}: must have the same class folders as {reference}, but {' and '.join(differences)}; "
            f"labels go by the class folder's name."
        )


def _listed(names: Iterable[str]) -> str:
    """Write names into a message, at most five of them."""
    names = list(names)
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(repr(name) for name in names[:5]) + more
