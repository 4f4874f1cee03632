"""Time to accuracy: how long training takes to an accuracy that is asked for, each part apart."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, median
from typing import Any

from cnnlab.bench.programs import LONGEST_WORDS, as_figure, run_program
from cnnlab.errors import ConfigError
from cnnlab.training import Execution

SHORTEST = 1e-6
"""Seconds of a training: what is below is no measurement."""


@dataclass(frozen=True)
class Sitting:
    """One training from fresh weights.

    Attributes:
        seed: of everything random.
        prepare_seconds: around it: weights, statistics of the images, the estimate of its time, saving.
        train_seconds: the loop from the first step to the last, validations and checkpoints included.
        score_seconds: scoring the images, which is not part of the training.
        top1: on the images that are asked for, as a fraction.
    """

    seed: int
    prepare_seconds: float
    train_seconds: float
    score_seconds: float
    top1: float


@dataclass(frozen=True)
class TimeTo:
    """What trainings of several seeds took, and came to.

    Attributes:
        name: of the recipe.
        goal: the mean accuracy that is asked for, as a fraction.
        execution: where and how.
        split: which images each was scored on: `test`, or `val` to choose a recipe by.
        num_images: of that split.
        load_seconds: reading the data, once.
        compile_seconds: compiling the kernels, once per machine; 0 where there are none.
        warm_up_seconds: the first steps of a process, beyond what as many take later; once.
        sittings: one per seed.
        peers: the same of programs of others, by name; seconds of training and top1 as a fraction.
        top1_interval: 95 % of the mean over seeds; None of one seed.
        together_top1: of the mean of all seeds' probabilities, as a fraction; None of one seed, and on
            validation images.
        together_interval: 95 %, Wilson over images.
    """

    name: str
    goal: float
    execution: Execution
    split: str
    num_images: int
    load_seconds: float
    compile_seconds: float
    warm_up_seconds: float
    sittings: tuple[Sitting, ...]
    peers: dict[str, tuple[tuple[float, float], ...]] = field(default_factory=dict)
    top1_interval: tuple[float, float] | None = None
    together_top1: float | None = None
    together_interval: tuple[float, float] | None = None

    @property
    def top1(self) -> float:
        """The mean over seeds."""
        return fmean(sitting.top1 for sitting in self.sittings)

    @property
    def has_reached(self) -> bool:
        """The mean over seeds is at the goal, or above."""
        return self.top1 >= self.goal

    @property
    def train_seconds(self) -> float:
        """The median over seeds."""
        return median(sitting.train_seconds for sitting in self.sittings)

    @property
    def prepare_seconds(self) -> float:
        """The median over seeds."""
        return median(sitting.prepare_seconds for sitting in self.sittings)

    @property
    def all_seconds(self) -> float:
        """What a first run costs: reading, compiling, warming up, preparing, training."""
        once = self.load_seconds + self.compile_seconds + self.warm_up_seconds
        return once + self.prepare_seconds + self.train_seconds

    def times(self, peer: str) -> float:
        """Return how many times the training time a peer takes; the median over turns."""
        pairs = zip(self.peers[peer], self.sittings, strict=True)
        return median(seconds / sitting.train_seconds for (seconds, _), sitting in pairs)

    def as_dict(self) -> dict[str, Any]:
        """Return everything for JSON: seconds, accuracies as fractions."""
        return {
            "name": self.name,
            "goal": self.goal,
            "has_reached": self.has_reached,
            "top1": self.top1,
            "top1_interval": self.top1_interval,
            "together_top1": self.together_top1,
            "together_interval": self.together_interval,
            "split": self.split,
            "num_images": self.num_images,
            "execution": self.execution.as_dict(),
            "train_seconds": self.train_seconds,
            "prepare_seconds": self.prepare_seconds,
            "load_seconds": self.load_seconds,
            "compile_seconds": self.compile_seconds,
            "warm_up_seconds": self.warm_up_seconds,
            "all_seconds": self.all_seconds,
            "seeds": [vars(sitting) for sitting in self.sittings],
            "peers": [
                {
                    "name": name,
                    "train_seconds": median(seconds for seconds, _ in turns),
                    "top1": fmean(top1 for _, top1 in turns),
                    "times": self.times(name),
                    "turns": [{"train_seconds": seconds, "top1": top1} for seconds, top1 in turns],
                }
                for name, turns in self.peers.items()
            ],
        }


def peer_turn(program: Path, *, threads: int) -> tuple[float, float]:
    """Let a program train once; return its seconds of training and its top1 as a fraction.

    Raises:
        ConfigError: it failed, or printed no such figures.
        MissingResourceError: it needs what is not there.
    """
    rows = run_program(program, ["--seeds", "1"], threads=threads)
    seconds, top1 = (as_figure(rows[0].get(name)) for name in ("train_seconds", "top1"))
    if seconds is None or top1 is None or seconds < SHORTEST or not 0 <= top1 <= 100:
        received = repr(rows[0])
        received = received if len(received) <= LONGEST_WORDS else f"{received[:LONGEST_WORDS]}..."
        raise ConfigError(
            f"--peers: {program} must print train_seconds above 0 and top1 from 0 to 100. "
            f"Received: {received}."
        )
    return seconds, top1 / 100


def time_table(result: TimeTo) -> tuple[list[str], list[list[str]], list[str]]:
    """Return the header, the rows and the notes of a table for people."""
    header = ["what", "seeds", "top1", "training, s", "range, s", "times"]
    seconds = [sitting.train_seconds for sitting in result.sittings]
    rows = [[result.name, str(len(seconds)), f"{result.top1:.2%}", *_spread(seconds), ""]]
    for name, turns in result.peers.items():
        times = f"{result.times(name):.2f}"
        # A program starts from the same seed each time: its accuracies are one figure, not several.
        rows.append([name, "1", f"{turns[0][1]:.2%}", *_spread([one for one, _ in turns]), times])
    between = ""
    if result.top1_interval is not None:
        low, high = result.top1_interval
        between = f" ({low:.2%} to {high:.2%}, 95 % over seeds)"
    images = "test images" if result.split == "test" else "validation images"
    reached = "reached" if result.has_reached else "not reached"
    score_seconds = median(sitting.score_seconds for sitting in result.sittings)
    notes = [
        f"{result.goal:.2%} is {reached}: {result.top1:.2%}{between} on {result.num_images:,} {images}.",
        f"A first run: reading {result.load_seconds:.2f} s, compiling {result.compile_seconds:.2f} s (once "
        f"per machine), warming up {result.warm_up_seconds:.2f} s, preparing "
        f"{result.prepare_seconds:.2f} s, training {result.train_seconds:.2f} s: "
        f"{result.all_seconds:.2f} s in all. Scoring the {images} afterwards takes {score_seconds:.2f} s.",
        f"{result.execution.hardware}, {result.execution.summary}. Seconds are medians.",
    ]
    if result.together_top1 is not None and result.together_interval is not None:
        low, high = result.together_interval
        what = f"All {len(seconds)} together, by the mean of their probabilities"
        notes.insert(1, f"{what}: {result.together_top1:.2%} ({low:.2%} to {high:.2%}, Wilson).")
    return header, rows, notes


def _spread(seconds: Sequence[float]) -> list[str]:
    return [f"{median(seconds):.2f}", f"{min(seconds):.2f} to {max(seconds):.2f}"]
