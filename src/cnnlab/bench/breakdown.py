"""Where a training step goes: each layer by itself, forward and backward, in turn with the whole step.

Layers that run as one pass are timed as one. Each is given the maps that it has in the network, and a random
gradient. The cache is not filled as it is in a step, so the sum differs from the whole by some per cent.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn

from cnnlab.bench.floor import matrix_rate
from cnnlab.nn import FusedSequential
from cnnlab.nn.conv_norm_act import can_join
from cnnlab.nn.fused import find_narrow, find_opening, find_stage
from cnnlab.nn.norm_act import can_follow
from cnnlab.training import Execution, TrainingLap

FLOPS_PER_MAC = 2


@dataclass(frozen=True)
class PartTime:
    """One layer of a step, layers that run as one, or what is no layer.

    Attributes:
        name: dotted place in the network, names that run as one with a `+`; or a few words.
        kind: the class of the layer; empty for what is none.
        forward: seconds.
        backward: seconds; 0 where nothing goes back.
        flops: of its multiply-adds forward, for the whole batch; 0 where there are none.
        passes: how often the multiply-adds are done: forward, for the gradient of weights, and of maps.
    """

    name: str
    kind: str
    forward: float
    backward: float
    flops: int = 0
    passes: int = 0

    @property
    def seconds(self) -> float:
        """Forward and backward."""
        return self.forward + self.backward


@dataclass(frozen=True)
class Breakdown:
    """The parts of a training step.

    Attributes:
        name: of the recipe or network.
        parts: in the order in which they run; `rest` is what the whole step takes more, or less, than they.
        step: seconds of the whole step.
        rate: FLOP/s of a matrix product in the same rounds, in what the products are computed in.
    """

    name: str
    parts: tuple[PartTime, ...]
    step: float
    rate: float

    def as_dict(self) -> dict[str, Any]:
        """Return everything for JSON, in seconds and FLOP/s; shares as fractions."""
        parts = [
            {
                "name": part.name,
                "kind": part.kind,
                "forward_s": part.forward,
                "backward_s": part.backward,
                "share_of_step": part.seconds / self.step,
                "share_of_matrix_rate": self.share_of_rate(part),
            }
            for part in self.parts
        ]
        return {"name": self.name, "step_s": self.step, "matrix_flops_per_s": self.rate, "parts": parts}

    def share_of_rate(self, part: PartTime) -> float | None:
        """Return what share of the matrix rate a layer's multiply-adds reach; None where it has none."""
        return part.passes * part.flops / part.seconds / self.rate if part.flops else None


def break_down(name: str, lap: TrainingLap, *, rounds: int) -> Breakdown:
    """Time the parts of a training step, all in every round; the first round is not counted.

    Args:
        name: what the breakdown is called.
        lap: the training that is looked at; its network goes on learning.
        rounds: how often each part gets its turn.
    """
    execution = lap.execution
    units = _with_maps(lap.model, lap.batch().images, execution)
    loading, updates, steps, rates = [], [], [], []
    times: list[list[tuple[float, float]]] = [[] for _ in units]
    for _ in range(1 + rounds):
        rates.append(matrix_rate(execution.arithmetic, execution.device))
        loading.append(_seconds_of(lap.batch))
        for unit, pairs in zip(units, times, strict=True):
            pairs.append(_time_unit(unit, execution))
        steps += lap(1)
        updates.append(lap.update())
    step = median(steps[1:])
    parts = [
        PartTime("batch and augmentation", "", median(loading[1:]), 0.0),
        *(unit.timed(pairs[1:], execution) for unit, pairs in zip(units, times, strict=True)),
        PartTime("update", "", median(updates[1:]), 0.0),
    ]
    rest = PartTime("rest", "", step - sum(part.seconds for part in parts), 0.0)
    return Breakdown(name, (*parts, rest), step, median(rates[1:]))


@dataclass
class _Unit:
    """What runs as one: a layer, or layers that one kernel does."""

    name: str
    layer: nn.Module
    first: nn.Module
    maps: Tensor | None = None

    def timed(self, pairs: Sequence[tuple[float, float]], execution: Execution) -> PartTime:
        assert self.maps is not None
        forward, backward = (median(column) for column in zip(*pairs, strict=True))
        flops = 0
        if isinstance(self.first, nn.Conv2d | nn.Linear):
            with torch.no_grad(), execution.autocast():
                num_outputs = self.first(self.maps).numel()
            flops = FLOPS_PER_MAC * num_outputs * math.prod(self.first.weight.shape[1:])
        kind = "in one pass" if isinstance(self.layer, nn.Sequential) else type(self.layer).__name__
        return PartTime(self.name, kind, forward, backward, flops, 3 if self.maps.requires_grad else 2)


def _units(network: nn.Module, maps: dict[nn.Module, Tensor], prefix: str = "") -> Iterator[_Unit]:
    children = [(prefix + name, child) for name, child in network.named_children()]
    if not children and network in maps:
        yield _Unit(prefix.rstrip("."), network, network)
    index = 0
    while index < len(children):
        layers = [child for _, child in children[index:]]
        incoming = maps.get(layers[0]) if isinstance(network, FusedSequential) else None
        num = 0 if incoming is None else _num_in_one_pass(layers, incoming)
        if num:
            names = [name.rpartition(".")[2] for name, _ in children[index : index + num]]
            yield _Unit(prefix + "+".join(names), FusedSequential(*layers[:num]), layers[0])
        else:
            yield from _units(layers[0], maps, f"{children[index][0]}.")
        index += num or 1


def _num_in_one_pass(layers: list[nn.Module], maps: Tensor) -> int:
    """Return how many of these layers one kernel does; 0 if none."""
    if num := find_narrow(layers, maps):
        return num
    if len(layers) > 2 and can_join(layers[0], layers[1], layers[2], maps):
        return 3
    if type(layers[0]) is nn.BatchNorm2d and len(layers) > 1 and can_follow(layers[0], layers[1], maps):
        return 2
    return find_opening(layers, maps)[0] or find_stage(layers, maps)[0]


def _with_maps(network: nn.Module, images: Tensor, execution: Execution) -> list[_Unit]:
    """Return what runs in a forward pass, in its order, with the maps that come in."""
    maps: dict[nn.Module, Tensor] = {}

    def note(layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        maps.setdefault(layer, inputs[0].detach().requires_grad_(inputs[0].requires_grad))

    leaves = [layer for layer in network.modules() if not list(layer.children())]
    leaves = [layer for layer in leaves if not isinstance(layer, nn.Identity)]
    handles = [layer.register_forward_pre_hook(note) for layer in leaves]
    try:
        with execution.autocast():
            network(images)
    finally:
        for handle in handles:
            handle.remove()
    with execution.autocast():  # it decides what runs as one
        units = {unit.first: unit for unit in _units(network, maps)}
    seen = [(units[layer], incoming) for layer, incoming in maps.items() if layer in units]
    for unit, incoming in seen:
        unit.maps = incoming
    return [unit for unit, _ in seen]


def _time_unit(unit: _Unit, execution: Execution) -> tuple[float, float]:
    """Return the seconds of a layer forward and backward."""
    maps = unit.maps
    assert maps is not None
    _wait(execution)
    start = time.perf_counter()
    with execution.autocast():
        out = unit.layer(maps)
    _wait(execution)
    middle = time.perf_counter()
    if not out.requires_grad:
        return middle - start, 0.0
    grad = torch.randn_like(out)
    _wait(execution)
    begin = time.perf_counter()
    out.backward(grad)
    _wait(execution)
    seconds = middle - start, time.perf_counter() - begin
    for holder in (maps, *unit.layer.parameters()):
        holder.grad = None  # of random numbers, from which no step should learn
    return seconds


def _seconds_of(act: Callable[[], object]) -> float:
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def _wait(execution: Execution) -> None:
    """Let a GPU finish: it computes while Python goes on."""
    if execution.device == "cuda":
        torch.cuda.synchronize()


def breakdown_table(breakdown: Breakdown) -> tuple[list[str], list[list[str]], list[str]]:
    """Return the header, the rows and the notes of a table for people."""
    header = ["part", "layer", "forward, ms", "backward, ms", "of the step", "of the matrix rate"]
    rows = []
    for part in breakdown.parts:
        share = breakdown.share_of_rate(part)
        rows.append(
            [
                part.name,
                part.kind,
                f"{1e3 * part.forward:.2f}",
                f"{1e3 * part.backward:.2f}" if part.backward else "",
                f"{part.seconds / breakdown.step:.0%}",
                "" if share is None else f"{share:.0%}",
            ]
        )
    note = (
        f"{breakdown.name}: a step takes {1e3 * breakdown.step:.1f} ms; matrix product of 1536²: "
        f"{breakdown.rate / 1e9:,.0f} GFLOP/s. Layers timed one by one; rest: what a step takes besides."
    )
    return header, rows, [note]
