"""From the files of a folder to data sets: decoded once, kept in the cache, read back without decoding."""

import errno
import hashlib
import shlex
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor

from cnnlab.data.dataset import Dataset, fingerprint_of, make_dataset
from cnnlab.data.images.decode import decode_image
from cnnlab.data.images.decode_many import decode_many
from cnnlab.data.images.resize import resize_images, to_channels
from cnnlab.data.sources.folder import Folder, FolderFile, scan_folder, split_folder
from cnnlab.data.sources.image_cache import read_image_cache, write_image_cache
from cnnlab.data.sources.unreadable import refusal, report_unreadable
from cnnlab.data.splits import check_train_size, named_keys, stratified_choice
from cnnlab.errors import DataError, MissingResourceError
from cnnlab.machine import CACHE_VARIABLE, cache_folder
from cnnlab.pictures import is_grey_file

DEFAULT_IMAGE_SIZE = 64
"""Pixels, where nobody asks: photographs stay recognisable, and a laptop trains on them in minutes."""

_SPARE_BYTES = 2**26
"""Left free on the cache's disk."""


@dataclass
class _Task:
    """One split to decode, and what was found on the way: pairs of path and reason, grey made colour."""

    folder: Folder
    split: str
    files: Sequence[FolderFile]
    image_size: int
    channels: int
    strict: bool
    is_chosen: bool  # by `train_size`: none may be missing
    unreadable: list[tuple[str, str]] = field(default_factory=list)
    num_converted: int = 0


def load_folder(
    root: Path,
    *,
    splits: Sequence[str],
    val_size: int | None,
    split_seed: int,
    train_size: int | None,
    image_size: int | None,
    channels: int | None,
    strict: bool,
    warn: Callable[[str], None],
) -> dict[str, Dataset]:
    """Read the splits of a folder of class folders; arguments as `load_data`.

    Images are cut to their central square and resized to `image_size`, 64 if not given. If `channels` is not
    given it is 1 where every image of train and val is grey (of all images, if there is no train), else 3;
    `train_size` does not change that.

    Raises:
        DataError: the folder cannot be used as it is, or, if `strict`, an image cannot be read.
        ConfigError: `val_size` leaves nothing to train on, or `train_size` cannot be met.
        MissingResourceError: the images fit neither the cache nor the memory.
    """
    folder = scan_folder(root, warn=warn)
    files = split_folder(folder, splits, val_size=val_size, split_seed=split_seed)
    deciding: list[FolderFile] = []
    if channels is None:
        in_training = ("train", "val") if "train" in files else tuple(files)
        deciding = [file for split in in_training for file in files[split]]
    if train_size is not None and "train" in splits:
        files["train"] = _choose(root, files["train"], train_size, split_seed=split_seed)
    datasets: dict[str, Dataset] = {}
    decided = 0
    for split in splits:
        size = image_size or DEFAULT_IMAGE_SIZE
        num_chosen = train_size if split == "train" else None
        slot = repr((str(root.resolve()), split, val_size, split_seed, num_chosen, size, channels))
        name = f"{root.resolve().name[:40]}-{split}-{hashlib.sha256(slot.encode()).hexdigest()[:16]}.images"
        path = cache_folder() / "folders" / name
        state = _state(folder, files[split], deciding)
        dataset = _from_cache(path, state, folder, split, files[split], strict=strict, warn=warn)
        if dataset is None:
            if channels is None:
                decided = decided or (1 if _are_grey(root, deciding) else 3)
            task = _Task(
                folder, split, files[split], size, channels or decided, strict, num_chosen is not None
            )
            dataset = _decode(task, path, state, warn=warn)
        datasets[split] = dataset
    return datasets


def _choose(
    root: Path, files: Sequence[FolderFile], train_size: int, *, split_seed: int
) -> tuple[FolderFile, ...]:
    """Keep some of the files of train; one of them that cannot be read is refused when they are decoded."""
    labels = torch.tensor([file.label for file in files])
    check_train_size(train_size, labels, name=str(root))
    keys = named_keys([file.path for file in files], seed=split_seed, purpose="train")
    return tuple(files[place] for place in stratified_choice(labels, train_size, keys).tolist())


def _state(folder: Folder, files: Sequence[FolderFile], deciding: Sequence[FolderFile]) -> str:
    """Name the exact files that a cache file was made from; any change of one is a change of this."""
    return hashlib.sha256(repr((folder.class_names, files, deciding)).encode()).hexdigest()


def _are_grey(root: Path, files: Sequence[FolderFile]) -> bool:
    """True if every header that can be read says grey; stops at the first that says colour."""
    for file in files:
        try:
            if not is_grey_file(root / file.path):
                return False
        except DataError:  # it will be named when it is decoded
            continue
    return True


def _from_cache(
    path: Path,
    state: str,
    folder: Folder,
    split: str,
    files: Sequence[FolderFile],
    *,
    strict: bool,
    warn: Callable[[str], None],
) -> Dataset | None:
    """Return the split from the cache if it is there, undamaged, and made from the same files."""
    cached = read_image_cache(path)
    if cached is None:
        if path.exists():
            warn(f"{path}: is damaged; the images are decoded again")
        return None
    images, labels, footer = cached
    if footer["state"] != state:
        return None
    dataset = make_dataset(folder.root.resolve().name, split, images, labels, folder.class_names)
    if dataset.fingerprint != footer["fingerprint"]:
        warn(f"{path}: is damaged; the images are decoded again")
        return None
    report_unreadable(folder.root, footer["unreadable"], strict=strict, warn=warn)
    return replace(
        dataset, num_converted=footer["num_converted"], files=_readable(files, footer["unreadable"])
    )


def _readable(files: Sequence[FolderFile], unreadable: Sequence[Sequence[str]]) -> tuple[str, ...]:
    skipped = {path for path, _reason in unreadable}
    return tuple(file.path for file in files if file.path not in skipped)


def _decode(task: _Task, path: Path, state: str, *, warn: Callable[[str], None]) -> Dataset:
    """Decode a split into the cache, or into memory where the cache cannot take it."""
    num_bytes = len(task.files) * task.channels * task.image_size**2

    def make_footer(shape: tuple[int, ...], labels: Tensor, blocks: Iterator[bytes]) -> dict[str, object]:
        _check_labels(task, labels, warn=warn)
        fingerprint = fingerprint_of(shape, task.folder.class_names, blocks)
        found = {"unreadable": task.unreadable, "num_converted": task.num_converted}
        return {"state": state, "fingerprint": fingerprint, **found}

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        free, needed = shutil.disk_usage(path.parent).free, num_bytes + _SPARE_BYTES
        if free < needed:
            raise OSError(errno.ENOSPC, f"{needed / 1e6:.0f} MB must be free, {free / 1e6:.0f} MB are")
        write_image_cache(path, _decoded_parts(task), make_footer)
        dataset = _from_cache(path, state, task.folder, task.split, task.files, strict=task.strict, warn=warn)
        if dataset is not None:
            return dataset
        raise OSError(errno.EIO, "what was written is not what is read back")
    except OSError as error:
        warn(
            f"{path.parent}: cannot keep the decoded images ({error.strerror or error}); they stay in memory"
        )
    try:
        shape = (len(task.files), task.channels, task.image_size, task.image_size)
        images = torch.empty(shape, dtype=torch.uint8)
        labels = torch.empty(len(task.files), dtype=torch.int64)
    except (RuntimeError, MemoryError):
        raise MissingResourceError(
            f"{task.folder.root}: the decoded images take {num_bytes / 1e6:.0f} MB, which neither the cache "
            f"nor the memory has; choose a smaller data.image_size, or set {CACHE_VARIABLE} to a larger disk."
        ) from None
    end = 0
    for part, part_labels in _decoded_parts(task):
        images[end : end + len(part)], labels[end : end + len(part)] = part, part_labels
        end += len(part)
    images, labels = images[:end], labels[:end]
    _check_labels(task, labels, warn=warn)
    report_unreadable(task.folder.root, task.unreadable, strict=task.strict, warn=warn)
    name = task.folder.root.resolve().name
    dataset = make_dataset(name, task.split, images, labels, task.folder.class_names)
    return replace(dataset, num_converted=task.num_converted, files=_readable(task.files, task.unreadable))


def _decoded_parts(task: _Task) -> Iterator[tuple[Tensor, Tensor]]:
    """Decode the files in their order, some at a time; what cannot be read is left out and noted."""
    task.unreadable.clear()
    task.num_converted = 0

    def decode(file: FolderFile) -> tuple[Tensor, bool]:
        image = decode_image(task.folder.root / file.path)
        fitted = to_channels(image[None], task.channels)
        return resize_images(fitted, task.image_size), task.channels > len(image)

    for file, decoded in decode_many(task.files, decode):
        if isinstance(decoded, DataError):
            if task.strict:
                raise refusal(str(decoded))
            task.unreadable.append((file.path, str(decoded)))
            continue
        image, is_converted = decoded
        task.num_converted += is_converted
        yield image, torch.tensor([file.label])


def _check_labels(task: _Task, labels: Tensor, *, warn: Callable[[str], None]) -> None:
    """Refuse a split of which nothing can be read, and a class of which nothing is left to train on."""
    root, class_names = task.folder.root, task.folder.class_names
    if task.is_chosen and task.unreadable:
        raise DataError(
            f"data.train_size: {len(task.unreadable)} of the {len(task.files)} images that it chooses cannot "
            f"be read: {task.unreadable[0][1]} Repair or remove what "
            f"`cnnlab data check {shlex.quote(str(root))}` lists."
        )
    counts = torch.bincount(labels, minlength=len(class_names))
    if task.split == "train" and counts.min() == 0:
        lacking = f"class {class_names[int(counts.argmin())]!r}"
    elif len(labels) == 0:
        lacking = task.split
    else:
        return
    report_unreadable(root, task.unreadable, strict=task.strict, warn=warn)
    command = f"cnnlab data check {shlex.quote(str(root))}"
    raise DataError(f"{root}: no image of {lacking} can be read; see `{command}`.")
