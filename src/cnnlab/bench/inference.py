"""A forward pass as `predict` and `evaluate` do it, in float32: pixels brought to scale, then the network."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import median

import torch
from torch import Tensor, nn

from cnnlab import machine
from cnnlab.bench.peers import Peer, timed
from cnnlab.bench.plain import plain_twin
from cnnlab.bench.throughput import INFERENCE_FLOPS, Bench
from cnnlab.data import normalise
from cnnlab.training import Execution, Precision

FEWEST_SECONDS = 0.05
"""Passes are repeated for so long in a turn, that the ticks of the clock and of the system even out."""


class InferenceBench(Bench):
    """A forward pass over a batch of noise, ready to be timed.

    Args:
        name: what the table calls it.
        network: in evaluation mode, on the CPU, channels-last.
        shape: of the batch, N x C x H x W.
        macs: multiply-adds of one image.
        execution: where and how; float32, as everything that is scored.
        plain: time the same network in plain PyTorch too, in float32 and where it is fast in bf16.
    """

    def __init__(
        self,
        name: str,
        network: nn.Module,
        shape: tuple[int, int, int, int],
        *,
        macs: int,
        execution: Execution,
        plain: bool = False,
    ) -> None:
        generator = torch.Generator().manual_seed(0)
        images = torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)
        mean, std = (0.5,) * shape[1], (0.25,) * shape[1]

        @torch.inference_mode()
        def forward() -> Tensor:
            inputs = normalise(images, mean, std).contiguous(memory_format=torch.channels_last)
            return network(inputs).argmax(1)

        precisions: list[Precision] = ["float32", "bf16"] if machine.has_fast_bf16() else ["float32"]
        peers: Sequence[Peer] = [
            PlainInference(network, images, execution, one) for one in precisions if plain
        ]
        super().__init__(
            name,
            batch_size=shape[0],
            execution=execution,
            macs=macs,
            flops_per_mac=INFERENCE_FLOPS,
            seconds_of_step=lambda num_steps: median(timed_for(forward, num_steps)),
            peers=peers,
        )


class PlainInference:
    """A forward pass as PyTorch's own guide writes it: inference mode, channels-last, float pixels."""

    def __init__(
        self, network: nn.Module, images: Tensor, execution: Execution, precision: Precision
    ) -> None:
        self.name = f"PyTorch {precision}"
        self._twin = plain_twin(network).eval()
        self._execution = replace(execution, precision=precision, emulated=False)
        self._images = (images / 255).contiguous(memory_format=torch.channels_last)

    def seconds_of_step(self, num_steps: int) -> float:
        """As `Peer`."""
        return median(timed_for(self._forward, num_steps))

    @torch.inference_mode()
    def _forward(self) -> Tensor:
        with self._execution.autocast():
            return self._twin(self._images).argmax(1)


def timed_for(act: Callable[[], object], num_steps: int) -> list[float]:
    """Return the seconds of so many calls at least, and of as many as `FEWEST_SECONDS` take."""
    seconds = timed(act, num_steps)
    end = time.perf_counter() + FEWEST_SECONDS
    while time.perf_counter() < end:
        seconds += timed(act, 1)
    return seconds
