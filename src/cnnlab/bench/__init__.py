"""How fast training is here, how far from what the processor can do, and against plain PyTorch."""

from cnnlab.bench.breakdown import Breakdown, break_down, breakdown_table
from cnnlab.bench.floor import matrix_rate
from cnnlab.bench.plain import plain_twin
from cnnlab.bench.throughput import Bench, Throughput, bench_table, measure_in_turn

__all__ = [
    "Bench",
    "Breakdown",
    "Throughput",
    "bench_table",
    "break_down",
    "breakdown_table",
    "matrix_rate",
    "measure_in_turn",
    "plain_twin",
]
