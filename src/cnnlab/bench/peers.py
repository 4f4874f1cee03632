"""What a user would run otherwise: the same training step in plain PyTorch, or in a program of their own."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from statistics import median
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cnnlab.bench.plain import plain_twin
from cnnlab.training import Execution, Precision


class Peer(Protocol):
    """Another way to do the same training step.

    Attributes:
        name: what a table calls it, with its precision.
    """

    name: str

    def seconds_of_step(self, num_steps: int) -> float:
        """Return the seconds of one training step, the median of so many."""
        ...


@dataclass(frozen=True)
class Step:
    """What is to be done by all.

    Attributes:
        name: of the network, as `cnnlab models` lists it.
        args: of the network.
        shape: of a batch, N x C x H x W.
        num_classes: of the labels.
        execution: how cnnlab does it; peers get its device and threads.
    """

    name: str
    args: dict[str, Any]
    shape: tuple[int, int, int, int]
    num_classes: int
    execution: Execution


class PlainPeer:
    """The step as PyTorch's own guide writes it: eager, channels-last, fused Adam, on one batch of noise."""

    def __init__(self, network: nn.Module, step: Step, precision: Precision) -> None:
        self.name = f"PyTorch {precision}"
        device = step.execution.device
        self._execution = replace(step.execution, precision=precision, emulated=False)
        self._twin = plain_twin(network).train()
        self._optimizer = torch.optim.Adam(self._twin.parameters(), 1e-4, fused=True)
        self._images = torch.rand(step.shape).to(device, memory_format=torch.channels_last)
        self._labels = torch.randint(0, step.num_classes, step.shape[:1]).to(device)

    def seconds_of_step(self, num_steps: int) -> float:
        """As `Peer`."""
        return median(timed(self._step, num_steps))

    def _step(self) -> float:
        with self._execution.autocast():
            logits: Tensor = self._twin(self._images)
        loss = F.cross_entropy(logits.float(), self._labels)
        loss.backward()
        self._optimizer.step()
        self._optimizer.zero_grad()
        return loss.item()


def timed(step: Callable[[], object], num_steps: int) -> list[float]:
    """Return the seconds of each of some calls."""
    seconds = []
    for _ in range(num_steps):
        start = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - start)
    return seconds
