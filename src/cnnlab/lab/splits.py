"""The images that a config describes, and those that a run was made for."""

from collections.abc import Callable, Sequence
from pathlib import Path

from cnnlab.config import DataConfig
from cnnlab.data import Dataset, load_data
from cnnlab.errors import RunError
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
        image_size=data.image_size,
        channels=data.channels,
        strict=data.strict,
        warn=warn,
    )


def load_split(
    folder: RunFolder,
    split: str,
    *,
    root: Path | str | None = None,
    warn: Callable[[str], None] | None = None,
) -> Dataset:
    """Read a split of the data set that a run was made for, prepared as in its training.

    Raises:
        RunError: it is a split that training saw, and it holds other images now.
        DataError: a file is damaged.
        MissingResourceError: the data is not on this machine.
    """
    data = folder.config.data
    dataset = load_splits(data, (split,), root=root, warn=warn)[split]
    seen = folder.environment.get("data", {}).get(split)
    if seen and seen["fingerprint"] != dataset.fingerprint:
        raise RunError(
            f"{folder.path}: the {split} images of {data.name} are not those of the training "
            f"({seen['num_images']} then, {len(dataset)} now). Bring them back, or train anew."
        )
    return dataset
