"""The images that a config describes, and those that a run was made for."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from cnnlab.config import DataConfig
from cnnlab.data import Dataset, folder_named, load_data
from cnnlab.errors import MissingResourceError, RunError
from cnnlab.runs import RunFolder


def load_splits(
    data: DataConfig,
    splits: Sequence[str],
    *,
    root: Path | str | None = None,
    warn: Callable[[str], None] | None = None,
) -> dict[str, Dataset]:
    """Load splits as a config describes them; raises as `load_data` does.

    Args:
        data: which images, cut and brought to size how.
        splits: some of `train`, `val` and `test`; the others are not read.
        root: where the data lies, if not where the config says.
        warn: takes one line about something that happened.
    """
    return load_data(
        data.name,
        splits=splits,
        root=root or data.root,
        val_size=data.val_size,
        split_seed=data.split_seed,
        train_size=data.train_size,
        image_size=data.image_size,
        channels=data.channels,
        strict=data.strict,
        warn=warn,
    )


def say_converted(datasets: Mapping[str, Dataset], say: Callable[[str], None]) -> None:
    """Say, in one line, that grey images were made colour; nothing where none was."""
    num_converted = sum(dataset.num_converted for dataset in datasets.values())
    if num_converted:
        name, num_images = next(iter(datasets.values())).name, sum(map(len, datasets.values()))
        some = "all" if num_converted == num_images else f"{num_converted:,} of"
        say(f"{name}: {some} {num_images:,} images are grey and are made colour, which the network takes.")


def load_split(
    folder: RunFolder,
    split: str,
    *,
    root: Path | str | None = None,
    warn: Callable[[str], None] | None = None,
) -> Dataset:
    """Read a split of the data set that a run was made for, prepared as in its training.

    Raises:
        RunError: the images that training saw are others now, so that those of `split` are, or may be, too.
        DataError: a file is damaged.
        MissingResourceError: the data is not on this machine.
    """
    data = folder.config.data
    seen = folder.environment.get("data", {})
    # Where test is cut from a folder, a file that comes or goes can move an image of the training into it.
    try:
        is_folder = folder_named(data.name) is not None
    except MissingResourceError as error:
        raise MissingResourceError(
            f"{folder.path}: {error} If it has been moved, name it with --data; the scores are not kept then."
        ) from None
    to_check = [part for part in ("train", "val") if part == split or (split == "test" and is_folder)]
    datasets = load_splits(data, tuple(dict.fromkeys((*to_check, split))), root=root, warn=warn)
    for part in to_check:
        now, then = datasets[part], seen.get(part)
        if then is None:
            raise RunError(
                f"{folder.path}: it is not recorded which images of {data.name} it was trained on "
                f"(environment.json). Score it on images of your choice with --data."
            )
        if then["fingerprint"] != now.fingerprint:
            raise RunError(
                f"{folder.path}: the {part} images of {data.name} are not those of the training "
                f"({then['num_images']} then, {len(now)} now). Bring them back, train anew, or score it on "
                f"images of your choice with --data."
            )
    return datasets[split]
