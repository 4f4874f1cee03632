"""Steps of a network, timed in turn with the machine's matrix rate and with what one would run otherwise.

Machines are shared, and what one does in a second drifts by a factor of two: only what is measured in turn,
within one run, can be compared. So figures are medians over rounds, and ratios those of the rounds' own.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median, quantiles
from typing import Any

from cnnlab import machine
from cnnlab.bench.floor import matrix_rate
from cnnlab.bench.peers import Peer
from cnnlab.threads import set_threads
from cnnlab.training import Execution

TRAINING_FLOPS, INFERENCE_FLOPS = 6, 2
"""Per MAC, itself two; training does it three times: forward, for the gradients of maps, and of weights."""


@dataclass(frozen=True)
class Throughput:
    """What was measured of one network; one number per round in each list.

    Attributes:
        name: of the recipe or network.
        batch_size: images in a step.
        execution: where and how.
        macs: multiply-adds of one image forward.
        seconds: of a step: in training, batch and augmentation, forward, backward, update; else of a
            forward pass, with what brings pixels to the network's scale.
        rates: FLOP/s of a matrix product in what the products are computed in, just before.
        process_peak_bytes: the most that this process had held by then, for whatever it did.
        memory_bytes: the most that a process of its own held for such steps; 0 if that was not measured.
        peer_seconds: of a peer's step, by the peer's name; of batches in memory, without augmentation.
        flops_per_mac: FLOPs of a step for each multiply-add.
    """

    name: str
    batch_size: int
    execution: Execution
    macs: int
    seconds: tuple[float, ...]
    rates: tuple[float, ...]
    process_peak_bytes: int
    memory_bytes: int = 0
    peer_seconds: dict[str, tuple[float, ...]] = field(default_factory=dict)
    flops_per_mac: int = TRAINING_FLOPS

    @property
    def images_per_s(self) -> float:
        """The median over rounds."""
        return self.batch_size / median(self.seconds)

    @property
    def spread(self) -> tuple[float, float]:
        """Lower and upper quartile of images/s over rounds."""
        low, _, high = quantiles([self.batch_size / one for one in self.seconds], n=4, method="inclusive")
        return low, high

    @property
    def share(self) -> float:
        """What part of the matrix rate the multiply-adds of a step reach; the median over rounds."""
        flops = self.flops_per_mac * self.macs * self.batch_size
        return median(flops / one / rate for one, rate in zip(self.seconds, self.rates, strict=True))

    @property
    def best_peer(self) -> str | None:
        """The name of the peer with the fastest median step; None if there are no peers."""
        return min(self.peer_seconds, key=lambda name: median(self.peer_seconds[name]), default=None)

    def times(self, peer: str) -> float:
        """Return how many times as fast as a peer this is; the median over rounds."""
        pairs = zip(self.peer_seconds[peer], self.seconds, strict=True)
        return median(theirs / ours for theirs, ours in pairs)

    def as_dict(self) -> dict[str, Any]:
        """Return everything for JSON: images/s, FLOP/s, seconds, bytes, shares as fractions."""
        low, high = self.spread
        return {
            "name": self.name,
            "batch_size": self.batch_size,
            "execution": self.execution.as_dict(),
            "images_per_s": self.images_per_s,
            "images_per_s_quartiles": [low, high],
            "macs": self.macs,
            "matrix_flops_per_s": median(self.rates),
            "share_of_matrix_rate": self.share,
            "seconds": list(self.seconds),
            "process_peak_bytes": self.process_peak_bytes,
            "memory_bytes": self.memory_bytes or None,
            "best_peer": self.best_peer,
            "peers": [
                {
                    "name": name,
                    "images_per_s": self.batch_size / median(seconds),
                    "times": self.times(name),
                    "seconds": list(seconds),
                }
                for name, seconds in self.peer_seconds.items()
            ],
        }


class Bench:
    """Something done again and again by a network, ready to be timed.

    Args:
        name: what the table calls it.
        batch_size: images in a step.
        execution: where and how.
        macs: multiply-adds of one image forward.
        flops_per_mac: FLOPs of a step for each of them.
        seconds_of_step: does so many steps, and returns the seconds of one, the median.
        peers: what is timed beside it.
    """

    def __init__(
        self,
        name: str,
        *,
        batch_size: int,
        execution: Execution,
        macs: int,
        flops_per_mac: int,
        seconds_of_step: Callable[[int], float],
        peers: Sequence[Peer] = (),
    ) -> None:
        self.name, self.execution = name, execution
        self._batch_size, self._macs, self._flops_per_mac = batch_size, macs, flops_per_mac
        self._seconds_of_step, self._peers = seconds_of_step, peers
        self._seconds: list[float] = []
        self._rates: list[float] = []
        self._peer_seconds: dict[str, list[float]] = {peer.name: [] for peer in peers}

    def round(self, num_steps: int) -> None:
        """Time the matrix product, some steps, and as many of each peer."""
        set_threads(self.execution.threads)  # another bench of these rounds may have set its own
        self._rates.append(matrix_rate(self.execution.arithmetic, self.execution.device))
        self._seconds.append(self._seconds_of_step(num_steps))
        for peer in self._peers:
            self._peer_seconds[peer.name].append(peer.seconds_of_step(num_steps))

    def forget(self) -> None:
        """Drop what was measured so far: the first round warms up."""
        for figures in (self._seconds, self._rates, *self._peer_seconds.values()):
            figures.clear()

    def result(self) -> Throughput:
        """Return what the rounds have shown."""
        return Throughput(
            name=self.name,
            batch_size=self._batch_size,
            execution=self.execution,
            macs=self._macs,
            seconds=tuple(self._seconds),
            rates=tuple(self._rates),
            process_peak_bytes=machine.peak_memory_bytes(),
            peer_seconds={name: tuple(seconds) for name, seconds in self._peer_seconds.items()},
            flops_per_mac=self._flops_per_mac,
        )


def measure_in_turn(benches: Sequence[Bench], *, rounds: int, steps: int) -> list[Throughput]:
    """Time all of them in every round, so that whatever slows the machine slows them alike.

    Args:
        benches: what to time.
        rounds: how often each gets its turn, at least 2; one round before them is not counted.
        steps: what each does in a turn.
    """
    for number in range(1 + rounds):
        for bench in benches:
            bench.round(steps)
        if number == 0:
            for bench in benches:
                bench.forget()
    return [bench.result() for bench in benches]


def bench_table(results: Iterable[Throughput]) -> tuple[list[str], list[list[str]], list[str]]:
    """Return the header, the rows and the notes of a table for people."""
    results = list(results)
    peers = list(dict.fromkeys(name for result in results for name in result.peer_seconds))
    header = ["network", "batch", "precision", "images/s", "quartiles", "of the matrix rate"]
    header += [*peers, "times the best"] if peers else []
    has_memory = any(result.memory_bytes for result in results)
    header += ["MB held"] if has_memory else []
    rows = []
    for result in results:
        low, high = result.spread
        row = [result.name, str(result.batch_size), result.execution.precision_text]
        row += [f"{result.images_per_s:,.0f}", f"{low:,.0f} to {high:,.0f}", f"{result.share:.0%}"]
        if result.best_peer is not None:
            medians = {name: median(seconds) for name, seconds in result.peer_seconds.items()}
            row += [f"{result.batch_size / medians[name]:,.0f}" if name in medians else "" for name in peers]
            row += [f"{result.times(result.best_peer):.2f}"]
        if has_memory:
            row += [f"{result.memory_bytes / 1e6:,.0f}"]
        rows.append(row)
    first = results[0].execution
    rates = [rate for result in results for rate in result.rates]
    place = f"{first.threads} thread{'s' * (first.threads != 1)}" if first.device == "cpu" else "GPU"
    kernels = "none" if first.kernels == "none" else "compiled"
    notes = [
        f"Matrix product of 1536²: {median(rates) / 1e9:,.0f} GFLOP/s ({min(rates) / 1e9:,.0f} to "
        f"{max(rates) / 1e9:,.0f}); a step's FLOPs: {results[0].flops_per_mac} per MAC and image.",
        f"{first.hardware}, {place}; kernels: {kernels}. Medians over {len(results[0].seconds)} "
        "rounds in turn.",
    ]
    if peers:
        notes.append(
            "The others: the same network in images/s, on one batch in memory; in training, with Adam."
        )
    return header, rows, notes
