"""How long one image takes on the processor."""

import time
from collections.abc import Sequence
from statistics import quantiles

import torch

from cnnlab import machine
from cnnlab.data import normalise
from cnnlab.evaluation import Run, load_run
from cnnlab.reporting.report import Latency, NetworkFacts
from cnnlab.threads import set_threads

WARM_UP, FEWEST_PASSES, FEWEST_SECONDS = 10, 50, 0.5


def measure_latencies(networks: Sequence[NetworkFacts]) -> dict[str, Latency]:
    """Return the latency of each network whose weights are there, by name; all with as many threads."""
    threads = machine.default_threads()
    set_threads(threads)
    return {
        network.name: latency_of(load_run(network.folders[0].path), threads=threads)
        for network in networks
        if network.folders[0].weights.exists()
    }


@torch.inference_mode()
def latency_of(run: Run, *, threads: int) -> Latency:
    """Time a run's network on one image of noise, in float32, the scaling of its pixels included.

    Passes are repeated until there are 50 of them and half a second is over; the first ten do not count.

    Args:
        run: a finished run.
        threads: of torch, as they are set.
    """
    generator = torch.Generator().manual_seed(0)
    shape = (1, run.in_channels, run.crop_size, run.crop_size)
    image = torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)

    def seconds() -> float:
        start = time.perf_counter()
        inputs = normalise(image, run.mean, run.std).contiguous(memory_format=torch.channels_last)
        run.model(inputs).argmax(1)
        return time.perf_counter() - start

    for _ in range(WARM_UP):
        seconds()
    times, end = [], time.perf_counter() + FEWEST_SECONDS
    while len(times) < FEWEST_PASSES or time.perf_counter() < end:
        times.append(1000 * seconds())
    low, middle, high = quantiles(times, n=4)
    return Latency(middle, low, high, len(times), threads, machine.cpu_name())
