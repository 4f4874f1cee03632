"""`load_data`: from a name to the splits of a data set."""

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from torch import Tensor

from cnnlab.data.catalogue import DATASETS
from cnnlab.data.dataset import Dataset, make_dataset
from cnnlab.data.images.resize import resize_images, to_channels
from cnnlab.data.sources import cifar10, digits, mnist, synthetic
from cnnlab.data.sources.folder_images import load_folder
from cnnlab.data.sources.locate import OnDamage, Places, data_roots
from cnnlab.data.splits import (
    check_train_size,
    check_val_size,
    seeded_keys,
    stratified_choice,
    stratified_cut,
)
from cnnlab.errors import ConfigError, MissingResourceError, did_you_mean

SPLITS = ("train", "val", "test")


def load_data(
    name: str | Path,
    *,
    splits: Sequence[str] = SPLITS,
    root: Path | str | None = None,
    val_size: int | None = None,
    split_seed: int = 0,
    train_size: int | None = None,
    image_size: int | None = None,
    channels: int | None = None,
    strict: bool = False,
    download: bool = True,
    warn: Callable[[str], None] | None = None,
) -> dict[str, Dataset]:
    """Read the splits asked for, and nothing from disk that they do not need.

    Args:
        name: one of `DATASETS`, a folder of class folders, or `synthetic:CxHxWxN`.
        splits: some of `train`, `val` and `test`.
        root: a folder where published data sets lie; looked into before CNNLAB_DATA_ROOT and the cache.
        val_size: images cut from the training part for validation; the data set's own number if not given.
        split_seed: seed of that cut, and of the choice by `train_size`. The test part never depends on it.
        train_size: keep this many images of train, classes in proportion, but each with one image at least;
            all if not given. Validation and test stay as they are.
        image_size: bring images to this height and width, in pixels.
        channels: bring images to grey (1) or colour (3).
        strict: refuse a folder that holds an unreadable image, instead of naming and skipping it.
        download: fetch published files that are missing.
        warn: takes one line about something that happened; lines are dropped if not given.

    Returns:
        The data sets by split, in the order asked for.

    Raises:
        ConfigError: the name, a split or a size is wrong.
        DataError: a file is damaged, or a folder cannot be used as it is.
        MissingResourceError: data is not on this machine and cannot be downloaded.

    Example:
        >>> digits = cnnlab.load_data("digits")
        >>> {split: tuple(dataset.images.shape) for split, dataset in digits.items()}
        {'train': (1257, 1, 8, 8), 'val': (180, 1, 8, 8), 'test': (360, 1, 8, 8)}
    """
    for split in splits:
        if split not in SPLITS:
            raise ConfigError(f"splits: there is no split {split!r}. {did_you_mean(split, SPLITS)}")
    if channels not in (None, 1, 3):
        raise ConfigError(f"data.channels: must be 1 (grey) or 3 (colour). Received: {channels}.")
    if image_size is not None and image_size < 1:
        raise ConfigError(f"data.image_size: must be at least 1 pixel. Received: {image_size}.")
    name = str(name)
    warn = warn or (lambda message: None)
    folder = folder_named(name)
    if folder is not None:
        return load_folder(
            folder,
            splits=splits,
            val_size=val_size,
            split_seed=split_seed,
            train_size=train_size,
            image_size=image_size,
            channels=channels,
            strict=strict,
            warn=warn,
        )
    places = Places(data_roots(root), download, warn)
    parts = ["train"] * bool({"train", "val"} & set(splits)) + ["test"] * ("test" in splits)
    datasets: dict[str, Dataset] = {}
    for part in parts:
        images, labels, class_names = read_part(name, part, places)
        _warn_if_altered(name, part, images, labels, class_names, warn)
        cut = {"test": (images, labels)}
        if part == "train":
            cut = _cut_val(name, images, labels, val_size=val_size, split_seed=split_seed)
            if train_size is not None and "train" in splits:
                cut["train"] = _choose(name, *cut["train"], train_size=train_size, split_seed=split_seed)
        del images
        for split in set(splits) & cut.keys():
            images, labels = cut[split]
            num_converted = len(images) if channels == 3 and images.shape[1] == 1 else 0
            images = _fit(images, image_size=image_size, channels=channels)
            is_digits = name in DATASETS and DATASETS[name].is_digits
            dataset = make_dataset(name, split, images, labels, class_names, is_digits=is_digits)
            datasets[split] = replace(dataset, num_converted=num_converted)
    return {split: datasets[split] for split in splits}


def folder_named(name: str) -> Path | None:
    """Return the folder that a data set's name means; None for one of `DATASETS` and for synthetic images.

    Raises:
        ConfigError: it is neither a known name nor a folder.
        MissingResourceError: it is written like a path, and there is no such folder.
    """
    if name in DATASETS or name.startswith(synthetic.PREFIX):
        return None
    folder = os.path.expanduser(name)  # neither this nor isdir fails on any name, as pathlib's do
    if os.path.isdir(folder):
        return Path(folder)
    if name.startswith((".", "~")) or "/" in name or os.sep in name:
        raise MissingResourceError(f"data.name: there is no folder {name!r}.")
    raise ConfigError(
        f"data.name: {name!r} is neither a data set nor a folder here. {did_you_mean(name, DATASETS)}"
    )


def read_part(
    name: str, part: str, places: Places, *, on_damage: OnDamage | None = None
) -> tuple[Tensor, Tensor, tuple[str, ...]]:
    """Read the official `train` or `test` part of a named or synthetic data set.

    Args:
        name: one of `DATASETS`, or `synthetic:CxHxWxN`.
        part: `train` or `test`.
        places: where to look.
        on_damage: told of each damaged file, which is then left out; else the first is an error.

    Returns:
        Images, N x C x H x W, uint8; N labels, int64; and the class names.
    """
    match name:
        case "digits":
            return *digits.read_digits(part), digits.CLASS_NAMES
        case "mnist":
            return *mnist.read_mnist(mnist.MNIST, part, places, on_damage=on_damage), mnist.MNIST_CLASSES
        case "fashion-mnist":
            images, labels = mnist.read_mnist(mnist.FASHION_MNIST, part, places, on_damage=on_damage)
            return images, labels, mnist.FASHION_CLASSES
        case "cifar10":
            return cifar10.read_cifar10(part, places, on_damage=on_damage)
        case _:
            return *synthetic.read_synthetic(name, part), synthetic.CLASS_NAMES


def _warn_if_altered(
    name: str,
    part: str,
    images: Tensor,
    labels: Tensor,
    class_names: tuple[str, ...],
    warn: Callable[[str], None],
) -> None:
    """Say so if the content is not what the authors published: figures could not be compared with others'."""
    if name in DATASETS:
        found = make_dataset(name, part, images, labels, class_names).fingerprint
        if found != DATASETS[name].fingerprints[part]:
            warn(
                f"{name}: its {part} part is not the published one, so its figures are not those of {name}; "
                f"`cnnlab data check {name}` names the file."
            )


def _cut_val(
    name: str, images: Tensor, labels: Tensor, *, val_size: int | None, split_seed: int
) -> dict[str, tuple[Tensor, Tensor]]:
    """Cut the official training part into train and val."""
    if val_size is None:
        val_size = DATASETS[name].num_val if name in DATASETS else max(1, len(images) // 10)
    check_val_size(val_size, len(images), name=name)
    keys = seeded_keys(len(images), seed=split_seed, purpose=f"{name} val")
    rest, val = stratified_cut(labels, val_size, keys)
    return {"train": (images[rest], labels[rest]), "val": (images[val], labels[val])}


def _choose(
    name: str, images: Tensor, labels: Tensor, *, train_size: int, split_seed: int
) -> tuple[Tensor, Tensor]:
    """Keep some of the images of train."""
    check_train_size(train_size, labels, name=name)
    keys = seeded_keys(len(labels), seed=split_seed, purpose=f"{name} train")
    chosen = stratified_choice(labels, train_size, keys)
    return images[chosen], labels[chosen]


def _fit(images: Tensor, *, image_size: int | None, channels: int | None) -> Tensor:
    """Bring images to the size and channels asked for; as they are where nothing is asked."""
    if channels is not None:
        images = to_channels(images, channels)
    return images if image_size is None else resize_images(images, image_size)
