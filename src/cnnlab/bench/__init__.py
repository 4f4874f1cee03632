"""How fast this machine is at what cnnlab does, how far from its floor, and against other ways to do it."""

from cnnlab.bench.batches import Source, SourceRate, measure_sources, sources_table
from cnnlab.bench.breakdown import Breakdown, break_down, breakdown_table
from cnnlab.bench.floor import matrix_rate
from cnnlab.bench.inference import InferenceBench
from cnnlab.bench.plain import plain_twin
from cnnlab.bench.programs import PLAIN, check_names, find_program
from cnnlab.bench.throughput import Bench, Throughput, bench_table, measure_in_turn
from cnnlab.bench.time_to import Sitting, TimeTo, peer_turn, time_table
from cnnlab.bench.train_step import TrainingBench

__all__ = [
    "PLAIN",
    "Bench",
    "Breakdown",
    "InferenceBench",
    "Sitting",
    "Source",
    "SourceRate",
    "Throughput",
    "TimeTo",
    "TrainingBench",
    "bench_table",
    "break_down",
    "breakdown_table",
    "check_names",
    "find_program",
    "matrix_rate",
    "measure_in_turn",
    "measure_sources",
    "peer_turn",
    "plain_twin",
    "sources_table",
    "time_table",
]
