"""The verbs of `bench` for networks: how many images a second are trained on and classified here."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from cnnlab.bench import (
    Breakdown,
    InferenceBench,
    Throughput,
    TrainingBench,
    break_down,
    measure_in_turn,
)
from cnnlab.config import RunConfig
from cnnlab.data import DATASETS, images_per_pass
from cnnlab.errors import ConfigError
from cnnlab.evaluation import load_run
from cnnlab.lab.bench_memory import memory_of_training
from cnnlab.lab.resolve import resolve
from cnnlab.lab.splits import load_splits
from cnnlab.lab.train import check_network
from cnnlab.models import create_model, layers_of, model_info
from cnnlab.training import (
    Execution,
    choose_execution,
)

MIN_ROUNDS = 2

MAX_BATCH = 100_000


def bench_training(
    names: Sequence[str | RunConfig],
    *,
    rounds: int = 5,
    steps: int = 5,
    peers: Sequence[str] = (),
    variants: Sequence[dict[str, Any]] = (),
    layers: bool = False,
    memory: bool = False,
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
        memory: let a process of its own take some steps of each, and tell the most that it holds.
        **options: for all, as `resolve` takes them: `data`, `batch_size`, `precision`, `threads`, ...

    Returns:
        What was measured of each network, and of its layers if they are asked for.

    Raises:
        ConfigError: a name or an option is wrong.
        GeometryError: the images are too small for a network.
        MissingResourceError: the data, or a peer, is not on this machine.
    """
    check_names(names)
    check_counts(rounds, steps)
    benches, configs = [], []
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
            configs.append(changed)
    results = measure_in_turn(benches, rounds=rounds, steps=steps)
    if memory:
        results = [
            replace(result, memory_bytes=memory_of_training(result.name, config))
            for result, config in zip(results, configs, strict=True)
        ]
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
    check_names(names)
    check_counts(rounds, steps)
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


def check_names(names: Sequence[object]) -> None:
    """Refuse no name at all; raises ConfigError."""
    if not names:
        raise ConfigError("bench: name at least one network or recipe; `cnnlab models` lists them.")


def check_counts(rounds: int, steps: int, name: str = "steps") -> None:
    """Refuse counts that tell nothing or never end; raises ConfigError."""
    for option, value, least in (("rounds", rounds, MIN_ROUNDS), (name, steps, 1)):
        if not least <= value <= 10_000:
            raise ConfigError(f"{option}: must be {least} to 10000. Received: {value}.")
