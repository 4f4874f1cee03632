"""`compare`: several networks on the same images, over several seeds; what is missing is trained."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from cnnlab.config import RunConfig
from cnnlab.errors import ConfigError
from cnnlab.evaluation import Comparison, compare_runs, views_in_words
from cnnlab.lab.launch import Launch
from cnnlab.lab.resolve import resolve
from cnnlab.lab.side_by_side import Task, check_jobs, finish_all, say_to_stderr, share_of_threads
from cnnlab.lab.splits import load_splits
from cnnlab.lab.train import check_evaluation, check_network

# Settings that decide which images a run sees: the same for all that are compared.
SAME_DATA = ("name", "val_size", "split_seed", "train_size", "image_size", "channels")
MAX_SEEDS = 1000


def compare(
    networks: Sequence[str | RunConfig],
    *,
    data: str | None = None,
    seeds: int = 3,
    out: Path | str = "runs",
    command: str = "",
    jobs: int = 1,
    launch: Launch | None = None,
    say: Callable[[str], None] | None = None,
    **options: Any,
) -> Comparison:
    """Compare networks on the same test images, training each that has not been trained.

    A run in `out` with the same settings and the same images is used as it is; an unfinished one is gone on
    with, if it can still come to the same bits. Runs that are passed over are named.

    Args:
        networks: recipes, networks, TOML files, or complete configs; the others are tested against the first.
        data: use this data set instead of each recipe's own.
        seeds: how many: 0 to seeds - 1. Three or more are needed to say that a network is better.
        out: where run folders are looked for and made.
        command: what makes this comparison again, kept with it.
        jobs: runs at once, each with its share of the cores; their times are then not what they take alone.
        launch: brings one run to its end; a process of its own each if not given.
        say: takes one line about what happens; they go to stderr if not given.
        **options: as `resolve` takes them, such as `epochs`, `lr`, `root` and `changes`.

    Raises:
        ConfigError: a name or an option is wrong, one is named twice, or the networks would see other images
            or other views of them.
        GeometryError: the images are too small for one of the networks.
        RunError: a run failed, or was tested on other images.
        StoppedError: a signal asked to stop; the same command goes on.
        MissingResourceError: the data is not on this machine, or the disk is full.

    Example:
        >>> comparison = cnnlab.compare(["convnet_mnist", "convnet_fast"], data="digits", seeds=2, steps=5)
        >>> [(entry.name, len(entry.top1)) for entry in comparison.networks]
        [('convnet_mnist', 2), ('convnet_fast', 2)]
    """
    say = say or say_to_stderr
    out = Path(out)
    check_jobs(jobs)
    options["threads"] = share_of_threads(jobs, options.get("threads"))
    configs = _configs(networks, data=data, seeds=seeds, say=say, options=options)
    # Missing data and a network that cannot be built end this now, not after hours of training.
    data_now = load_splits(next(iter(configs.values()))[0].data, ("train", "val", "test"), warn=say)
    for group in configs.values():
        check_network(group[0], data_now["train"])
        check_evaluation(group[0], data_now["test"])
    fingerprints = {split: data_now[split].fingerprint for split in ("train", "val")}
    del data_now
    tasks = [
        Task(config, fingerprints, f"{name}, seed {config.seed}")
        for name, group in configs.items()
        for config in group
    ]
    folders = iter(finish_all(tasks, out, jobs=jobs, launch=launch, say=say))
    groups = {name: [next(folders) for _ in group] for name, group in configs.items()}
    return compare_runs(groups, command=command)


def _configs(
    networks: Sequence[str | RunConfig],
    *,
    data: str | None,
    seeds: int,
    say: Callable[[str], None],
    options: dict[str, Any],
) -> dict[str, list[RunConfig]]:
    """Return the configs of all runs, by network; everything is checked before anything is trained."""
    if not 1 <= seeds <= MAX_SEEDS:
        raise ConfigError(f"--seeds: must be 1 to {MAX_SEEDS}. Received: {seeds}.")
    if not networks:
        raise ConfigError("compare: name at least one network or recipe; `cnnlab models` lists them.")
    if options.get("seed") is not None or "seed" in (options.get("changes") or {}):
        raise ConfigError("compare: takes the number of seeds (--seeds), not one seed.")
    configs: dict[str, list[RunConfig]] = {}
    for network in networks:
        first = resolve(network, data=data, say=say, **options)
        name = (first.recipe or first.model.name) if isinstance(network, RunConfig) else Path(network).stem
        if name in configs:
            raise ConfigError(
                f"compare: {name!r} is named twice; give recipes other file names to tell them apart."
            )
        configs[name] = [first.with_changes({"seed": seed}, source="--seeds") for seed in range(seeds)]
    _check_same_data(configs)
    _check_same_views(configs)
    return configs


def _check_same_data(configs: dict[str, list[RunConfig]]) -> None:
    """Refuse, before hours of training, what could not be compared afterwards."""
    (first_name, first), *others = ((name, group[0].data) for name, group in configs.items())
    for name, other in others:
        for field in SAME_DATA:
            mine, theirs = getattr(other, field), getattr(first, field)
            if mine != theirs:
                option = "--data" if field == "name" else f"--set data.{field}=..."
                raise ConfigError(
                    f"compare: all networks must see the same images; data.{field} is {mine!r} for {name}, "
                    f"{theirs!r} for {first_name}. Choose one for all with {option}."
                )


def _check_same_views(configs: dict[str, list[RunConfig]]) -> None:
    """Refuse to compare networks that answer from one view with others that answer from ten."""
    (first_name, first), *others = (
        (name, views_in_words(group[0].evaluation.tta, group[0].evaluation.average))
        for name, group in configs.items()
    )
    for name, views in others:
        if views != first:
            raise ConfigError(
                f"compare: all networks must be scored by the same views of the test images; evaluation.tta "
                f"and .average say {views} for {name}, {first} for {first_name}. Choose for all with "
                "--set evaluation.tta=..."
            )
