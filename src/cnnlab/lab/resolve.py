"""From a name and a few options to the complete config of a run."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cnnlab.config import AugmentConfig, EvaluationConfig, RunConfig
from cnnlab.data import DATASETS
from cnnlab.errors import ConfigError, did_you_mean
from cnnlab.models import list_models, model_info
from cnnlab.recipes import list_recipes, load_recipe

SHORT_OPTIONS = {
    "epochs": "train.epochs",
    "steps": "train.steps",
    "batch_size": "train.batch_size",
    "lr": "optim.lr",
    "seed": "seed",
    "device": "device",
    "precision": "precision",
    "threads": "threads",
    "root": "data.root",
    "strict": "data.strict",
}


def resolve(
    name: str | Path | RunConfig,
    *,
    data: str | Path | None = None,
    changes: dict[str, Any] | None = None,
    say: Callable[[str], None] | None = None,
    **options: Any,
) -> RunConfig:
    """Return the config that a name stands for.

    Args:
        name: a recipe, a network, a TOML file (a `Path` is always one), or a complete config. A network with
            `data` stands for the recipe `NAME-DATA` if there is one, and one alone for that with the data
            it is tried on first, `mnist` or `cifar10`.
        data: use this data set or folder of images. Augmentation and `evaluation` were chosen for the
            recipe's own data, so they are left out for another; a folder's serve for another folder.
        changes: dotted fields and values, as `--set` gives them.
        say: takes one line about what was left out.
        **options: some of `SHORT_OPTIONS`; None means not given.

    Raises:
        ConfigError: the name, an option or a value is wrong.
    """
    data = os.fspath(data) if isinstance(data, Path) else data
    config = name if isinstance(name, RunConfig) else _named(name, data)
    if data is not None and data != config.data.name and _is_folder(data) and _is_folder(config.data.name):
        config = config.with_changes({"data.name": data}, source="--data")
    elif data is not None and data != config.data.name:
        before = config
        config = before.with_changes(
            {"data.name": data, "data.augment": {}, "evaluation": {}}, source="--data"
        )
        left_out = ["augmentation"] if before.data.augment != AugmentConfig() else []
        left_out += ["evaluation"] if before.evaluation != EvaluationConfig() else []
        if left_out and say is not None:
            source = before.recipe or before.model.name
            what = f"{' and '.join(left_out)} {'is' if len(left_out) == 1 else 'are'} left out on {data}"
            say(f"{source}: made for {before.data.name}; its {what}.")
    unknown = options.keys() - SHORT_OPTIONS.keys()
    if unknown:
        raise ConfigError(f"Unknown option {min(unknown)!r}. {did_you_mean(min(unknown), SHORT_OPTIONS)}")
    named = {SHORT_OPTIONS[name]: value for name, value in options.items() if value is not None}
    if named:
        config = config.with_changes(named, source="command line")
    if changes:
        config = config.with_changes(changes)
    return _with_folder_settled(config)


def _with_folder_settled(config: RunConfig) -> RunConfig:
    """Complete a config on a folder of images.

    The folder is named by its full path, so that the run finds it from everywhere. Its pictures have no size
    of their own: they come in the size the network was made for, unless told otherwise.

    Raises:
        ConfigError: windows are to be cut of pictures whose size is not said.
    """
    data = config.data
    folder = os.path.expanduser(data.name)  # neither this nor isdir fails on any name
    if not _is_folder(data.name) or not os.path.isdir(folder):
        return config
    if data.crop_size is not None and data.image_size is None:
        raise ConfigError(
            "data.crop_size: pictures of a folder have no size of their own; set data.image_size to what "
            f"they are brought to before windows are cut, such as {round(data.crop_size * 256 / 224)}. "
            f"Received: crop_size={data.crop_size} without image_size."
        )
    size = data.image_size or model_info(config.model.name).image_size
    path = Path(folder).resolve()
    return config.with_changes({"data.name": str(path), "data.image_size": size}, source="data.name")


def _is_folder(data: str) -> bool:
    """Tell whether a name of data means a folder, whether it is there or not."""
    return data not in DATASETS and not data.startswith("synthetic:")


def _named(name: str | Path, data: str | None) -> RunConfig:
    """Return the config of a file, a recipe or a bare network."""
    if not isinstance(name, str | Path):
        what = "a recipe, a network, a TOML file or a RunConfig"
        raise ConfigError(f"What to train is named by {what}. Received: {name!r:.80}.")
    if isinstance(name, Path) or name.endswith(".toml") or "/" in name:
        config = RunConfig.from_file(Path(name))
        return config if config.recipe else config.with_changes({"recipe": Path(name).stem}, source=str(name))
    recipes = list_recipes()
    for recipe in (f"{name}-{data}", name):
        if recipe in recipes:
            return load_recipe(recipe)
    if name not in list_models():
        known = [*recipes, *list_models()]
        raise ConfigError(f"There is no recipe or network called {name!r}. {did_you_mean(name, known)}")
    own_data = "mnist" if model_info(name).in_channels == 1 else "cifar10"
    if data is None and f"{name}-{own_data}" in recipes:
        return load_recipe(f"{name}-{own_data}")
    values = {"model": {"name": name}, "data": {"name": data or own_data}}
    return RunConfig.from_dict(values, source=name)
