"""The verb `bench_training`: how many images a second training takes here, how far from the floor."""

from collections.abc import Sequence
from typing import Any

from cnnlab.bench import Bench, Breakdown, Throughput, break_down, measure_in_turn
from cnnlab.config import RunConfig
from cnnlab.errors import ConfigError
from cnnlab.lab.resolve import resolve
from cnnlab.lab.splits import load_splits
from cnnlab.lab.train import check_network

MIN_ROUNDS = 2


def bench_training(
    names: Sequence[str | RunConfig],
    *,
    rounds: int = 5,
    steps: int = 5,
    plain: bool = False,
    layers: bool = False,
    **options: Any,
) -> tuple[list[Throughput], list[Breakdown]]:
    """Time real training steps of networks in turn; nothing of them is kept.

    Args:
        names: recipes, networks, TOML files, or complete configs.
        rounds: how often each gets its turn.
        steps: training steps in a turn.
        plain: time the same networks in plain PyTorch as well, in the same rounds.
        layers: time each layer by itself too, in as many rounds after these.
        **options: for all, as `resolve` takes them: `data`, `batch_size`, `precision`, `threads`, ...

    Returns:
        What was measured of each network, and of its layers if they are asked for.

    Raises:
        ConfigError: a name or an option is wrong.
        GeometryError: the images are too small for a network.
        MissingResourceError: the data is not on this machine.
    """
    if not names:
        raise ConfigError("bench: name at least one network or recipe; `cnnlab models` lists them.")
    for option, value, least in (("rounds", rounds, MIN_ROUNDS), ("steps", steps, 1)):
        if not least <= value <= 10_000:
            raise ConfigError(f"{option}: must be {least} to 10000. Received: {value}.")
    benches = []
    for name in names:
        config = resolve(name, **options)
        train = load_splits(config.data, ("train",))["train"]
        check_network(config, train)
        title = config.recipe or config.model.name
        benches.append(Bench(title, config, train, plain=plain))
    results = measure_in_turn(benches, rounds=rounds, steps=steps)
    return results, [break_down(bench.name, bench.lap, rounds=rounds) for bench in benches if layers]
