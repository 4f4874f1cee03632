"""What was seen of a server under load, and whether it is what was asked for."""

import math
from collections import Counter
from dataclasses import dataclass
from typing import Any

from cnnlab.serving.load import Load


@dataclass(frozen=True)
class Goals:
    """What a server is to reach; None is no goal.

    Attributes:
        p99_ms: within which 99 % of the requests are answered, in each load.
        requests_per_s: that are answered at least, in each load.
        ready_seconds: from its start to its first answer.
        ready_megabytes: that it holds when it is ready.
    """

    p99_ms: float | None = None
    requests_per_s: float | None = None
    ready_seconds: float | None = None
    ready_megabytes: float | None = None


@dataclass(frozen=True)
class ServerMeasured:
    """What was seen of a server.

    Attributes:
        network: that was asked.
        workers: its processes.
        ready_seconds: from its start to the first answer that it is ready.
        memory_bytes: resident, of all its processes, when it was ready; None where /proc is not.
        loads: one for each number of clients.
        cpu_seconds: processor time of the server for one request, in each load; None where /proc is not. It
            tells more than requests/s on a machine that does other things too.
        memory_after_bytes: of the same when all was over.
        peak_memory_bytes: the most that they held at any time, summed.
    """

    network: str
    workers: int
    ready_seconds: float
    memory_bytes: int | None
    loads: tuple[Load, ...]
    cpu_seconds: tuple[float | None, ...]
    memory_after_bytes: int | None
    peak_memory_bytes: int | None

    def as_dict(self) -> dict[str, Any]:
        """Return everything for JSON: seconds, bytes, requests per second."""
        return {
            "network": self.network,
            "workers": self.workers,
            "ready_s": self.ready_seconds,
            "memory_bytes": self.memory_bytes,
            "memory_after_bytes": self.memory_after_bytes,
            "peak_memory_bytes": self.peak_memory_bytes,
            "loads": [
                load.as_dict() | {"server_cpu_s": seconds}
                for load, seconds in zip(self.loads, self.cpu_seconds, strict=True)
            ],
        }

    def shortfalls(self, goals: Goals) -> list[str]:
        """Return a line for each goal that was missed."""
        memory = None if self.memory_bytes is None else self.memory_bytes / 1e6
        seen = [
            ("ready", self.ready_seconds, goals.ready_seconds, "s", "at most"),
            ("memory when ready", memory, goals.ready_megabytes, "MB", "at most"),
        ]
        for load in self.loads:
            place = f"{load.clients} clients"
            seen += [
                (f"{place}, p99", 1000 * load.percentile(99), goals.p99_ms, "ms", "at most"),
                (place, load.requests_per_s, goals.requests_per_s, "requests/s", "at least"),
            ]
        return [
            f"{name}: {_known(value)} {unit}; {bound} {goal:,.4g} {unit} was asked."
            for name, value, goal, unit, bound in seen
            if goal is not None and (value is None or (value > goal if bound == "at most" else value < goal))
        ]

    def table(self) -> tuple[list[str], list[list[str]], list[str]]:
        """Return header, rows and notes."""
        header = ["clients", "requests/s", "p50 ms", "p95 ms", "p99 ms", "longest ms", "CPU ms", "failed"]
        rows = [
            [
                str(load.clients),
                f"{load.requests_per_s:,.0f}",
                *(_milliseconds(load.percentile(percent)) for percent in (50, 95, 99, 100)),
                _milliseconds(seconds, digits=2),
                f"{load.num_failed:,} of {len(load.seconds) + load.num_failed:,}",
            ]
            for load, seconds in zip(self.loads, self.cpu_seconds, strict=True)
        ]
        notes = [f"{self.network}, {self.workers} process(es): ready in {self.ready_seconds:.2f} s."]
        if self.memory_bytes and self.memory_after_bytes and self.peak_memory_bytes:
            values = (self.memory_bytes, self.memory_after_bytes, self.peak_memory_bytes)
            at_start, after, peak = (f"{value / 1e6:.0f} MB" for value in values)
            notes.append(f"Memory: {at_start} when ready, {after} afterwards, {peak} at most.")
        failures: Counter[str] = Counter()
        for load in self.loads:
            failures.update(load.failures)
        notes += [f"Failed: {number:,} times: {text}" for text, number in failures.items()]
        return header, rows, notes


def _milliseconds(seconds: float | None, *, digits: int = 1) -> str:
    return "-" if seconds is None or not math.isfinite(seconds) else f"{1000 * seconds:.{digits}f}"


def _known(value: float | None) -> str:
    return "unknown" if value is None else f"{value:,.4g}"
