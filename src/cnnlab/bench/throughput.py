"""Training steps, timed in turn with the machine's matrix rate and with plain PyTorch.

Machines are shared, and what one does in a second drifts by a factor of two: only what is measured in turn,
within one run, can be compared. So figures are medians over rounds, and ratios those of the rounds' own.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cnnlab import machine
from cnnlab.bench.floor import matrix_rate
from cnnlab.bench.plain import plain_twin
from cnnlab.config import RunConfig
from cnnlab.data import Dataset
from cnnlab.models import layers_of
from cnnlab.training import Execution, TrainingLap

FLOPS_PER_MAC = 6
"""A MAC is two FLOPs; a step does it three times: forward, for the gradients of maps, and of weights."""


@dataclass(frozen=True)
class Throughput:
    """What was measured of one network; one number per round in each list.

    Attributes:
        name: of the recipe or network.
        batch_size: images in a step.
        execution: where and how.
        macs: multiply-adds of one image forward.
        seconds: of a training step: batch and augmentation, forward, backward, update.
        rates: FLOP/s of a matrix product in the same precision, just before.
        plain_seconds: of a step of the same network in plain PyTorch, without augmentation; may be empty.
        peak_memory_bytes: the most that this process has held so far.
    """

    name: str
    batch_size: int
    execution: Execution
    macs: int
    seconds: tuple[float, ...]
    rates: tuple[float, ...]
    plain_seconds: tuple[float, ...]
    peak_memory_bytes: int

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
        flops = FLOPS_PER_MAC * self.macs * self.batch_size
        return median(flops / one / rate for one, rate in zip(self.seconds, self.rates, strict=True))

    @property
    def ratio(self) -> float | None:
        """How many times as fast as plain PyTorch; the median over rounds, None if that was not measured."""
        pairs = zip(self.plain_seconds, self.seconds, strict=False)
        return median(plain / mine for plain, mine in pairs) if self.plain_seconds else None

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
            "plain_images_per_s": self.batch_size / median(self.plain_seconds)
            if self.plain_seconds
            else None,
            "times_plain": self.ratio,
            "seconds": list(self.seconds),
            "plain_seconds": list(self.plain_seconds),
            "peak_memory_bytes": self.peak_memory_bytes,
        }


class Bench:
    """One network, ready to be timed.

    Attributes:
        lap: its training steps.

    Args:
        name: what the table calls it.
        config: the run whose steps are timed.
        train: its training images.
        plain: time the same network in plain PyTorch too.

    Raises:
        ConfigError: the config does not fit the images.
        GeometryError: the images are too small for the network.
    """

    def __init__(self, name: str, config: RunConfig, train: Dataset, *, plain: bool = False) -> None:
        self.name, self.config = name, config
        self.lap = TrainingLap(config, train)
        self.execution = self.lap.execution
        size = config.data.crop_size or train.image_size
        table = layers_of(
            config.model.name,
            config.model.args,
            in_channels=train.in_channels,
            num_classes=train.num_classes,
            image_size=size,
        )
        self.macs = table.macs
        shape = (config.train.batch_size, train.in_channels, size, size)
        self._plain = _plain_step(self.lap.model, shape, train.num_classes, self.execution) if plain else None
        self.seconds: list[float] = []
        self.rates: list[float] = []
        self.plain_seconds: list[float] = []

    def round(self, num_steps: int) -> None:
        """Time the matrix product, some steps, and as many in plain PyTorch."""
        self.rates.append(matrix_rate(self.execution.precision, self.execution.device))
        self.seconds.append(median(self.lap(num_steps)))
        if self._plain is not None:
            self.plain_seconds.append(median(_timed(self._plain, num_steps)))

    def result(self) -> Throughput:
        """Return what the rounds have shown."""
        return Throughput(
            name=self.name,
            batch_size=self.config.train.batch_size,
            execution=self.execution,
            macs=self.macs,
            seconds=tuple(self.seconds),
            rates=tuple(self.rates),
            plain_seconds=tuple(self.plain_seconds),
            peak_memory_bytes=machine.peak_memory_bytes(),
        )


def measure_in_turn(benches: Sequence[Bench], *, rounds: int, steps: int) -> list[Throughput]:
    """Time all of them in every round, so that whatever slows the machine slows them alike.

    Args:
        benches: what to time.
        rounds: how often each gets its turn, at least 2; one round before them is not counted.
        steps: training steps in a turn.
    """
    for number in range(1 + rounds):
        for bench in benches:
            bench.round(steps)
        if number == 0:
            for bench in benches:
                for figures in (bench.seconds, bench.rates, bench.plain_seconds):
                    figures.clear()
    return [bench.result() for bench in benches]


def bench_table(results: Iterable[Throughput]) -> tuple[list[str], list[list[str]], list[str]]:
    """Return the header, the rows and the notes of a table for people."""
    results = list(results)
    has_plain = any(result.plain_seconds for result in results)
    header = ["network", "batch", "precision", "images/s", "quartiles", "of the matrix rate"]
    header += ["plain PyTorch", "times"] if has_plain else []
    rows = []
    for result in results:
        low, high = result.spread
        row = [result.name, str(result.batch_size), result.execution.precision]
        row += [f"{result.images_per_s:,.0f}", f"{low:,.0f} to {high:,.0f}", f"{result.share:.0%}"]
        if result.ratio is not None:
            row += [f"{result.batch_size / median(result.plain_seconds):,.0f}", f"{result.ratio:.2f}"]
        rows.append(row)
    first = results[0].execution
    rates = [rate for result in results for rate in result.rates]
    place = f"{first.threads} thread{'s' * (first.threads != 1)}" if first.device == "cpu" else "GPU"
    kernels = "none" if first.kernels == "none" else "compiled"
    notes = [
        f"Matrix product of 1536²: {median(rates) / 1e9:,.0f} GFLOP/s ({min(rates) / 1e9:,.0f} to "
        f"{max(rates) / 1e9:,.0f}); a step's FLOPs: 6 per MAC and image.",
        f"{first.hardware}, {place}; kernels: {kernels}. Medians over {len(results[0].seconds)} "
        "rounds in turn.",
    ]
    if has_plain:
        notes.append(
            "Plain PyTorch: the same network of torch's own layers, Adam, the same precision, images in "
            "memory, no augmentation."
        )
    return header, rows, notes


def _timed(step: Callable[[], object], num_steps: int) -> list[float]:
    seconds = []
    for _ in range(num_steps):
        start = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - start)
    return seconds


def _plain_step(
    network: nn.Module, shape: tuple[int, ...], num_classes: int, execution: Execution
) -> Callable[[], object]:
    """Return a training step as PyTorch's own guide writes it, on one batch of noise."""
    twin = plain_twin(network).train()
    optimizer = torch.optim.Adam(twin.parameters(), 1e-4, fused=True)
    images = torch.rand(shape).to(execution.device, memory_format=torch.channels_last)
    labels = torch.randint(0, num_classes, shape[:1]).to(execution.device)

    def step() -> float:
        with execution.autocast():
            logits: Tensor = twin(images)
        loss = F.cross_entropy(logits.float(), labels)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss.item()

    return step
