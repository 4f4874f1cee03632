"""The verbs of `bench`: how many images a second are read, trained on and classified here."""

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import torch
from torch import nn

from cnnlab.bench import (
    Breakdown,
    InferenceBench,
    Source,
    SourceRate,
    Throughput,
    TrainingBench,
    break_down,
    measure_in_turn,
    measure_sources,
)
from cnnlab.config import RunConfig
from cnnlab.data import DATASETS, folder_named, images_per_pass
from cnnlab.data.images.decode import decode_image
from cnnlab.data.images.decode_many import decode_many
from cnnlab.errors import ConfigError
from cnnlab.evaluation import load_run
from cnnlab.lab.image_files import find_images
from cnnlab.lab.resolve import resolve
from cnnlab.lab.splits import load_splits
from cnnlab.lab.train import check_network
from cnnlab.models import create_model, layers_of, model_info
from cnnlab.training import (
    Execution,
    TrainingBatches,
    check_augmentation,
    choose_execution,
    make_plan,
    network_size,
)

MIN_ROUNDS = 2

MAX_BATCH = 100_000

MAX_DECODED = 2000
"""Files of a folder that are decoded in a turn."""


def bench_training(
    names: Sequence[str | RunConfig],
    *,
    rounds: int = 5,
    steps: int = 5,
    peers: Sequence[str] = (),
    variants: Sequence[dict[str, Any]] = (),
    layers: bool = False,
    **options: Any,
) -> tuple[list[Throughput], list[Breakdown]]:
    """Time real training steps of networks in turn; nothing of them is kept.

    Args:
        names: recipes, networks, TOML files, or complete configs.
        rounds: how often each gets its turn.
        steps: training steps in a turn.
        peers: what is timed in the same rounds: `plain` for the same network in plain PyTorch, and programs.
        variants: dotted fields and values; every network is timed once more with each of these.
        layers: time each layer by itself too, in as many rounds after these.
        **options: for all, as `resolve` takes them: `data`, `batch_size`, `precision`, `threads`, ...

    Returns:
        What was measured of each network, and of its layers if they are asked for.

    Raises:
        ConfigError: a name or an option is wrong.
        GeometryError: the images are too small for a network.
        MissingResourceError: the data, or a peer, is not on this machine.
    """
    _check_names(names)
    _check_counts(rounds, steps)
    benches = []
    for name in names:
        config = resolve(name, **options)
        title = config.recipe or config.model.name
        for changes in ({}, *variants):
            changed = config.with_changes(changes, source="--variant")
            train = load_splits(changed.data, ("train",))["train"]
            check_network(changed, train)
            differences = [f"{field.rpartition('.')[2]}={value}" for field, value in changes.items()]
            full_title = ", ".join([title, *differences])
            benches.append(TrainingBench(full_title, changed, train, peers=peers))
    results = measure_in_turn(benches, rounds=rounds, steps=steps)
    return results, [break_down(bench.name, bench.lap, rounds=rounds) for bench in benches if layers]


def bench_inference(
    names: Sequence[str | Path | RunConfig],
    *,
    rounds: int = 5,
    steps: int = 5,
    batch_sizes: Sequence[int] = (),
    plain: bool = False,
    **options: Any,
) -> list[Throughput]:
    """Time forward passes of networks in turn, as `predict` and `evaluate` do them, on noise.

    Args:
        names: recipes, networks, TOML files, complete configs, or run folders.
        rounds: how often each gets its turn.
        steps: passes in a turn, at least.
        batch_sizes: images in a pass; 1 and as many as `evaluate` takes if none is given.
        plain: time the same networks in plain PyTorch as well, in the same rounds.
        **options: for all, as `resolve` takes them: `threads`, `changes`, ...

    Raises:
        ConfigError: a name or an option is wrong.
        GeometryError: the images are too small for a network.
        RunError: a run folder is unfinished or damaged.
    """
    _check_names(names)
    _check_counts(rounds, steps)
    for size in batch_sizes:
        if not 1 <= size <= MAX_BATCH:
            raise ConfigError(f"batch_size: must be 1 to {MAX_BATCH}. Received: {size}.")
    benches = []
    for name in names:
        title, network, shape, macs, execution = _network_of(name, options)
        for size in batch_sizes or (1, images_per_pass(shape[-1])):
            benches.append(
                InferenceBench(title, network, (size, *shape), macs=macs, execution=execution, plain=plain)
            )
    return measure_in_turn(benches, rounds=rounds, steps=steps)


def _network_of(
    name: str | Path | RunConfig, options: dict[str, Any]
) -> tuple[str, nn.Module, tuple[int, int, int], int, Execution]:
    """Return the title, network, shape of an image, multiply-adds and execution that a name stands for."""
    if isinstance(name, str | Path) and (Path(name) / "config.toml").is_file():
        if options.get("changes"):
            raise ConfigError(f"--set: {name} is a run, whose network is as it was trained. Leave it out.")
        run = load_run(name)
        config = run.folder.config.with_changes({"threads": options.get("threads")})
        network, shape = run.model, (run.in_channels, run.crop_size, run.crop_size)
        num_classes = len(run.class_names)
    else:
        config = resolve(name, **options)
        shape, num_classes = _shape_of(config)
        network = create_model(
            config.model.name,
            in_channels=shape[0],
            num_classes=num_classes,
            image_size=shape[1],
            **config.model.args,
        )
        network = network.to(memory_format=torch.channels_last).eval()  # pyright: ignore[reportCallIssue]
    config = config.with_changes({"precision": "float32", "device": "cpu"})
    table = layers_of(
        config.model.name,
        config.model.args,
        in_channels=shape[0],
        num_classes=num_classes,
        image_size=shape[1],
    )
    title = str(name) if isinstance(name, str | Path) else config.recipe or config.model.name
    return title, network, shape, table.macs, choose_execution(config)


def _shape_of(config: RunConfig) -> tuple[tuple[int, int, int], int]:
    """Return the shape of what a network sees, and its classes; a folder is read if no setting tells it."""
    info, data = model_info(config.model.name), config.data
    known, size = DATASETS.get(data.name), data.crop_size or data.image_size
    if size is None and known is None:
        train = load_splits(data, ("train",))["train"]
        return (train.in_channels, train.image_size, train.image_size), len(train.class_names)
    channels, own_size, _ = known.shape if known else (info.in_channels, info.image_size, info.image_size)
    num_classes = len(known.class_names) if known else info.num_classes
    return (data.channels or channels, size or own_size, size or own_size), num_classes


def bench_data(
    names: Sequence[str | RunConfig], *, rounds: int = 5, calls: int = 5, **options: Any
) -> list[SourceRate]:
    """Time how images come: from disk, from files to pixels, and as batches with each augmentation, in turn.

    Args:
        names: recipes, networks, TOML files, or complete configs, whose images are looked at.
        rounds: how often each part gets its turn.
        calls: batches in a turn.
        **options: for all, as `resolve` takes them: `data`, `batch_size`, `threads`, ...

    Raises:
        ConfigError: a name or an option is wrong.
        DataError: a file is damaged.
        MissingResourceError: the data is not on this machine.
    """
    _check_names(names)
    _check_counts(rounds, calls, "calls")
    sources = [source for name in names for source in _sources_of(resolve(name, **options))]
    return measure_sources(sources, rounds=rounds, calls=calls)


def _sources_of(config: RunConfig) -> Iterator[Source]:
    title = config.recipe or config.model.name
    train = load_splits(config.data, ("train",))["train"]
    yield Source(title, "read", len(train), 0, lambda: load_splits(config.data, ("train",)))
    folder = folder_named(config.data.name)
    if folder is not None:
        files = find_images([folder])[:MAX_DECODED]

        def decode() -> None:
            for _ in decode_many(files, partial(decode_image, channels=train.in_channels)):
                pass

        yield Source(title, f"decode {len(files):,} files", len(files), 0, decode)
    chosen = config.data.augment
    how = ("fill", "alternating")  # of what others do
    on = [field for field in type(chosen).model_fields if field not in how and getattr(chosen, field)]
    kinds = {"batch": {}, **{f"batch, {field}": {field: getattr(chosen, field)} for field in on}}
    if len(on) > 1:
        kinds["batch, all of these"] = {field: getattr(chosen, field) for field in on}
    for part, settings in kinds.items():
        in_turns = chosen.alternating and "mirror" in settings
        settings = {**settings, "fill": chosen.fill, "alternating": in_turns}
        changed = config.with_changes({"data.augment": settings, "train.candidates": 1})
        check_augmentation(changed.data, train)
        batches = TrainingBatches(train, changed, make_plan(changed, len(train)), choose_execution(changed))
        size = min(config.train.batch_size, len(train))
        values = size * train.in_channels * network_size(changed.data, train) ** 2
        steps = count()
        yield Source(title, part, size, values, lambda b=batches, s=steps: b[next(s)])


def _check_names(names: Sequence[object]) -> None:
    if not names:
        raise ConfigError("bench: name at least one network or recipe; `cnnlab models` lists them.")


def _check_counts(rounds: int, steps: int, name: str = "steps") -> None:
    for option, value, least in (("rounds", rounds, MIN_ROUNDS), (name, steps, 1)):
        if not least <= value <= 10_000:
            raise ConfigError(f"{option}: must be {least} to 10000. Received: {value}.")
