"""What a report shows of the data set: images, counts, and whether anything is wrong with them."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from cnnlab.data import DATASETS, Dataset, check_data, folder_named
from cnnlab.errors import CnnlabError
from cnnlab.lab.splits import load_split
from cnnlab.reporting import Text, class_samples
from cnnlab.reporting.report import DataExtras
from cnnlab.runs import RunFolder

MAX_CHECKED = 100_000
"""Images of a data set that are still looked at one by one: minutes, where they have to be decoded."""


def look_at_data(
    folder: RunFolder, *, root: Path | str | None, warn: Callable[[str], None]
) -> tuple[DataExtras, Dataset | None]:
    """Return what is known of the images of a run, and those of train; a warning where they are not here.

    Args:
        folder: a finished run.
        root: where the data lies, if not where it lay in training.
        warn: takes one line about what cannot be shown.
    """
    data = folder.config.data
    info = DATASETS.get(data.name)
    about = DataExtras(source=info.source, licence=info.licence) if info else DataExtras()
    try:
        splits = {split: load_split(folder, split, root=root, warn=warn) for split in ("train", "val")}
    except CnnlabError as error:
        warn(f"{folder.path}: without samples and checks of the data: {error}")
        return about, None
    train = splits["train"]
    counts = {
        split: tuple(torch.bincount(images.labels, minlength=len(images.class_names)).tolist())
        for split, images in splits.items()
    }
    about = replace(about, counts=counts)
    if len(train) > MAX_CHECKED:
        return about, train
    found = check_data(folder_named(data.name) or data.name, root=root or data.root, download=False)
    about = replace(
        about,
        num_checked=sum(found.num_images(split) for split in found.counts),
        num_unreadable=len(found.unreadable),
        num_altered=len(found.altered),
        num_duplicates=sum(map(found.num_duplicate_pairs, found.duplicates)),
        num_shared=len(found.shared),
    )
    return about, train


def data_extras(about: DataExtras, train: Dataset | None, text: Text) -> DataExtras:
    """Return what `look_at_data` found, with a picture of the images; `text` has its words."""
    if train is None:
        return about
    return replace(about, samples=class_samples(train.images, train.labels, train.class_names, text=text))


def images_of(folder: RunFolder) -> tuple[int, int] | None:
    """Return channels and side of the images that a run's network sees, from its config; None if unknown."""
    data = folder.config.data
    info = DATASETS.get(data.name)
    size = data.crop_size or data.image_size or (info and info.shape[1])
    channels = data.channels or (info and info.shape[0])
    return (channels, size) if channels and size else None
