"""Throughput: figures by hand, turns in their order, and a real step."""

from dataclasses import replace

import pytest
import torch

from cnnlab.bench import (
    Bench,
    Throughput,
    TrainingBench,
    bench_table,
    matrix_rate,
    measure_in_turn,
    throughput,
)
from cnnlab.config import RunConfig
from cnnlab.data import load_data
from cnnlab.training import Execution

EXECUTION = Execution("cpu", "float32", 1, "A processor", "2.13.0", "abc")
RESULT = Throughput(
    name="some",
    batch_size=100,
    execution=EXECUTION,
    macs=1_000_000,
    seconds=(0.1, 0.2, 0.4),
    rates=(6e10, 6e9, 3e9),
    process_peak_bytes=5,
    peer_seconds={"slow": (1.0, 1.0, 1.0), "quick": (0.1, 0.6, 0.8)},
)


def test_figures_by_hand():
    assert RESULT.images_per_s == 500
    assert RESULT.spread == (375, 750)  # of 250, 500 and 1,000
    # 6 x 1e6 x 100 = 6e8 FLOPs: 6e9, 3e9 and 1.5e9 a second, of the rates 0.1, 0.5 and 0.5
    assert RESULT.share == pytest.approx(0.5)
    assert replace(RESULT, flops_per_mac=2).share == pytest.approx(0.5 / 3)
    assert RESULT.best_peer == "quick" and replace(RESULT, peer_seconds={}).best_peer is None
    assert RESULT.times("quick") == pytest.approx(2)  # of 1, 3 and 2
    assert RESULT.times("slow") == pytest.approx(5)  # of 10, 5 and 2.5
    values = RESULT.as_dict()
    slow, quick = values["peers"]
    assert (slow["name"], quick["name"], values["best_peer"]) == ("slow", "quick", "quick")
    assert quick["images_per_s"] == pytest.approx(100 / 0.6) and quick["times"] == pytest.approx(2)
    assert values["matrix_flops_per_s"] == 6e9


def test_table():
    header, (row, alone), notes = bench_table(
        [RESULT, replace(RESULT, peer_seconds={"quick": (0.1, 0.2, 0.4)})]
    )
    assert dict(zip(header, row, strict=True)) == {
        "network": "some",
        "batch": "100",
        "precision": "float32",
        "images/s": "500",
        "quartiles": "375 to 750",
        "of the matrix rate": "50%",
        "slow": "100",
        "quick": "167",
        "times the best": "2.00",
    }
    assert alone[-3:] == ["", "500", "1.00"]
    assert notes[0].startswith("Matrix product of 1536²: 6 GFLOP/s (3 to 60)")
    assert "A processor, 1 thread; kernels: compiled. Medians over 3 rounds" in notes[1]
    assert "MB held" not in header
    header, rows, _ = bench_table([replace(RESULT, memory_bytes=250_000_000), RESULT])
    assert (header[-1], rows[0][-1]) == ("MB held", "250")
    assert "times the best" not in bench_table([replace(RESULT, peer_seconds={})])[0]


def test_turns(monkeypatch):
    seen = []

    class Fake:
        def __init__(self, name):
            self.name, self.figures = name, []

        def round(self, steps):
            seen.append((self.name, steps))
            self.figures.append(len(seen))

        def forget(self):
            self.figures.clear()

        def result(self):
            return tuple(self.figures)

    results = measure_in_turn([Fake("a"), Fake("b")], rounds=2, steps=7)
    assert seen == [("a", 7), ("b", 7)] * 3
    assert results == [(3, 5), (4, 6)]  # the first round is not counted


def test_every_turn_has_the_threads_of_its_bench(monkeypatch):
    monkeypatch.setattr(throughput, "matrix_rate", lambda precision, device: 1e9)
    before, seen = torch.get_num_threads(), []

    def bench(threads):
        execution = replace(EXECUTION, threads=threads)
        return Bench(
            "some",
            batch_size=1,
            execution=execution,
            macs=1,
            flops_per_mac=2,
            seconds_of_step=lambda num: seen.append(torch.get_num_threads()) or 1.0,
        )

    try:
        measure_in_turn([bench(1), bench(2)], rounds=2, steps=1)
    finally:
        torch.set_num_threads(before)
    assert seen == [1, 2] * 3


@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_a_matrix_rate_is_a_machines(monkeypatch, precision):
    monkeypatch.setattr("cnnlab.bench.floor.SIZE", 128)
    assert 1e6 < matrix_rate(precision) < 1e15


def test_a_real_step_trains_and_is_timed(monkeypatch):
    monkeypatch.setattr(throughput, "matrix_rate", lambda precision, device: 1e9)
    values = {"threads": 1, "model": {"name": "convnet_mnist"}, "data": {"name": "digits"}}
    config = RunConfig.from_dict(values, source="test")
    bench = TrainingBench("some", config, load_data("digits", image_size=8)["train"], peers=["plain"])
    before = {name: value.clone() for name, value in bench.lap.model.state_dict().items()}
    (result,) = measure_in_turn([bench], rounds=2, steps=2)
    assert any((value != before[name]).any() for name, value in bench.lap.model.state_dict().items())
    assert len(result.seconds) == len(result.peer_seconds["PyTorch float32"]) == 2
    assert min(*result.seconds, *result.peer_seconds["PyTorch float32"]) > 0
    assert result.macs > 1e5 and result.process_peak_bytes > 1e6
