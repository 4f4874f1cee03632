"""The verb `time_to`: how long a recipe trains to an accuracy, over seeds, beside programs of others."""

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from cnnlab.bench import Sitting, TimeTo, check_names, find_program, peer_turn
from cnnlab.config import RunConfig
from cnnlab.data import Dataset
from cnnlab.errors import ConfigError, DivergedError, StoppedError
from cnnlab.evaluation import Together, load_predictions, mean_interval
from cnnlab.lab.evaluate import evaluate
from cnnlab.lab.resolve import resolve
from cnnlab.lab.splits import load_splits
from cnnlab.lab.train import check_evaluation, check_network
from cnnlab.nn import seconds_to_compile
from cnnlab.runs import RunFolder
from cnnlab.training import TrainingLap, choose_execution, fit

NUM_WARM_UP, NUM_LATER = 3, 7
"""Steps whose excess over later ones is the warm-up."""

MAX_SEEDS = 1000
SPLITS = ("test", "val")


def time_to(
    name: str | RunConfig,
    *,
    top1: float,
    seeds: int = 10,
    first_seed: int = 100,
    split: str = "test",
    peers: Sequence[str] = (),
    say: Callable[[str], None] | None = None,
    **options: Any,
) -> TimeTo:
    """Train a recipe from several seeds and look at each on the images of a split once; nothing is kept.

    Args:
        name: a recipe, a network, a TOML file, or a complete config.
        top1: the mean accuracy that is asked for, as a fraction.
        seeds: how many.
        first_seed: the first; the others follow it. 100 is far from the seeds by which recipes were chosen.
        split: `val` where something is chosen by what comes out; the figures to tell are on `test`.
        peers: files of programs, each trained once after every seed; only with `test`, which they look at.
        say: takes one line about each seed.
        **options: as `resolve` takes them: `data`, `precision`, `threads`, ...

    Raises:
        ConfigError: a name, a number or an option is wrong, the recipe pre-trains, or a peer failed.
        GeometryError: the images are too small for the network.
        DivergedError: a loss was not finite.
        MissingResourceError: the data, or a peer, is not on this machine.
        StoppedError: a signal asked to stop.
    """
    if not 0.0 < top1 <= 1.0:
        raise ConfigError(f"top1: must be above 0 and at most 100 %. Received: {100 * top1:g} %.")
    if not 1 <= seeds <= MAX_SEEDS:
        raise ConfigError(f"seeds: must be 1 to {MAX_SEEDS}. Received: {seeds}.")
    if not 0 <= first_seed <= 2**32 - seeds:
        raise ConfigError(f"first_seed: all seeds must be 0 to {2**32 - 1}. Received: {first_seed}.")
    if split not in SPLITS:
        raise ConfigError(f"split: must be {' or '.join(SPLITS)}. Received: {split}.")
    if peers and split != "test":
        raise ConfigError("--peers: programs of others are scored on test images; leave out --split val.")
    say = say or (lambda line: None)
    check_names(peers)
    programs = [find_program(peer) for peer in peers]
    config = resolve(name, say=say, seed=first_seed, **options)
    if config.pretrain.method != "none":
        raise ConfigError(
            "pretrain.method: what is learned before the first step is not timed, so it must be none. "
            f"Received: {config.pretrain.method}."
        )
    start = time.perf_counter()
    splits = load_splits(config.data, ("train", "val", *({split} - {"val"})), warn=say)
    load_seconds = time.perf_counter() - start
    check_network(config, splits["train"])
    check_evaluation(config, splits[split])
    execution = choose_execution(config)
    compile_seconds = seconds_to_compile() if execution.kernels != "none" else 0.0
    warm_up_seconds = _warm_up(config, splits["train"])
    sittings: list[Sitting] = []
    together = Together()
    turns: dict[str, list[tuple[float, float]]] = {program.stem: [] for program in programs}
    for seed in range(first_seed, first_seed + seeds):
        try:
            sitting = _sit(config.with_changes({"seed": seed}), splits, split, together)
        except StoppedError:
            done = f"{len(sittings)} of {seeds} seeds were done"
            raise StoppedError(f"time-to: stopped; {done}, and nothing is kept.", exit_code=130) from None
        except DivergedError as error:
            what = str(error).partition(": ")[2].replace("The last good checkpoint is kept. ", "")
            raise DivergedError(f"time-to: seed {seed} diverged: {what}") from None
        sittings.append(sitting)
        line = f"seed {seed}: {sitting.top1:.2%} after {sitting.train_seconds:.2f} s"
        for program in programs:
            turns[program.stem].append(peer_turn(program, threads=execution.threads))
            line += f"; {program.stem} {turns[program.stem][-1][0]:.2f} s"
        say(line)
    interval = mean_interval([sitting.top1 for sitting in sittings], resolution=1 / len(splits[split]))
    ensemble = together.ensemble()
    return TimeTo(
        name=config.recipe or config.model.name,
        goal=top1,
        execution=execution,
        split=split,
        num_images=len(splits[split]),
        load_seconds=load_seconds,
        compile_seconds=compile_seconds,
        warm_up_seconds=warm_up_seconds,
        sittings=tuple(sittings),
        peers={program: tuple(pairs) for program, pairs in turns.items()},
        top1_interval=None
        if interval.low is None or interval.high is None
        else (interval.low, interval.high),
        together_top1=None if ensemble is None else ensemble.top1,
        together_interval=None if ensemble is None else ensemble.interval,
    )


def _warm_up(config: RunConfig, train: Dataset) -> float:
    """Return what the first steps of this process take beyond the same number of later ones."""
    lap = TrainingLap(config, train)
    first = lap(NUM_WARM_UP)
    return max(0.0, sum(first) - NUM_WARM_UP * median(lap(NUM_LATER)))


def _sit(config: RunConfig, splits: dict[str, Dataset], split: str, together: Together) -> Sitting:
    """Train once and look once; answers to test images are added to those of the other seeds."""
    with tempfile.TemporaryDirectory(prefix="cnnlab-") as place:
        folder = RunFolder.create(Path(place), config)
        start = time.perf_counter()
        result = fit(config, splits["train"], splits["val"], folder)
        prepare_seconds = time.perf_counter() - start - result.seconds
        scores = evaluate(folder.path, split=split, root=config.data.root)
        if split == "test":
            together.add(load_predictions(folder), folder.path)
    return Sitting(config.seed, prepare_seconds, result.seconds, scores["seconds"], scores["top1"])
