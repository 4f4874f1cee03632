"""docs/performance.md: its tables are the generated ones, and say what was measured."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from cnnlab.bench import Sitting, Source, SourceRate, Throughput, TimeTo
from cnnlab.training import Execution
from test_readme import ROOT, readme_script

PAGE = ROOT / "docs" / "performance.md"
EXECUTION = Execution("cpu", "float32", 2, "A processor", "2.13.0", "abc")
STEP = Throughput(
    name="some",
    batch_size=100,
    execution=EXECUTION,
    macs=1_000_000,
    seconds=(0.105, 0.21, 0.42),
    rates=(6e9, 6e9, 6e9),
    process_peak_bytes=5_000_000,
    memory_bytes=250_000_000,
    peer_seconds={"slow": (1.0, 1.0, 1.0), "quick": (0.21, 0.42, 0.84)},
)


@pytest.fixture
def page():
    """The module that makes the tables."""
    readme_script()
    import performance_page  # pyright: ignore[reportMissingImports] # of scripts/

    return performance_page


def saved(folder: Path, value: object) -> Path:
    path = folder / "some.json"
    path.write_text(json.dumps(value))
    return path


def cells(table: str) -> list[dict[str, str]]:
    lines = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("|")]
    return [dict(zip(lines[0], (cell.strip() for cell in line), strict=False)) for line in lines[2:]]


def test_tables_are_the_generated_ones():
    text = PAGE.read_text()
    assert readme_script().with_generated_parts(text, PAGE) == text, "run `make figures-table`"


def test_what_is_missing_is_said(page, tmp_path):
    for make in (page.training, page.cost_of_norm, page.inference, page.sources, page.time_to):
        assert "make bench" in make(tmp_path / "none.json")


def test_training_steps_stand_beside_the_fastest_other(page, tmp_path):
    without = replace(STEP, name="another", seconds=(0.1, 0.2, 0.4), peer_seconds={})
    text = page.training(saved(tmp_path, [STEP.as_dict(), without.as_dict()]), tmp_path / "none.json")
    first, second = cells(text)
    assert first == {
        "network": "`some`",
        "batch": "100",
        "precision": "float32",
        "images/s": "476",
        "fastest other": "quick",
        "its images/s": "238",
        "times": "2.00",
        "of the matrix rate": "48%",
        "MB held": "250",
    }
    assert second["fastest other"] == ""
    assert (
        "A processor, 2 threads, torch 2.13.0; matrix product of 1536²: 6 GFLOP/s; medians over 3 rounds"
        in text
    )


def test_what_lrn_costs_is_the_median_over_processes(page, tmp_path):
    paths = []
    for share in (1.02, 1.1, 1.04):
        (tmp_path / str(share)).mkdir()
        seconds = tuple(share * one for one in (0.1, 0.2, 0.4))
        both = (
            replace(STEP, seconds=seconds),
            replace(STEP, name="some, lrn=False", seconds=(0.1, 0.2, 0.4)),
        )
        paths.append(saved(tmp_path / str(share), [one.as_dict() for one in both]))
    assert page.cost_of_norm(*paths, tmp_path / "none.json") == (
        "LRN takes 4.0% more time for a step of `some` at 100 images: the median of 3 processes "
        "(2.0%, 4.0%, 10.0%), each a median over rounds in turn.\n"
    )


def test_goals_stand_beside_what_was_measured(page, tmp_path):
    assert "make bench" in page.goals(tmp_path)
    fast = replace(STEP, name="resnet20")  # 2.0 times the quicker one in each round
    slow = replace(STEP, name="alexnet_mnist3")  # where 3.0 is the goal
    alone, another = replace(STEP, name="lenet5", peer_seconds={}), replace(STEP, name="another")
    steps = [one.as_dict() for one in (fast, slow, alone, another)]
    (tmp_path / "train.json").write_text(json.dumps(steps))
    norm = [STEP.as_dict(), replace(STEP, name="some, lrn=False", seconds=(0.1, 0.2, 0.4)).as_dict()]
    (tmp_path / "norm-1.json").write_text(json.dumps(norm))
    first, second, third = cells(page.goals(tmp_path))
    assert first["what"] == "`resnet20` at 100, times quick" and first["reached"] == "yes"
    assert first["measured"] == "2.00 (2.00 to 2.00 by rounds)"
    assert (second["goal"], second["reached"]) == ("3.0 times", "**no**")
    assert third["measured"] == "5.0% (5.0% to 5.0% by processes)"


def test_of_both_precisions_the_faster_one_counts(page, tmp_path):
    assert "make bench-bf16" in page.goals_in_either(tmp_path / "none.json")
    short = replace(EXECUTION, precision="bf16")
    steps = [
        replace(STEP, name="resnet20"),  # 0.21 s, twice as fast as the others
        replace(STEP, name="resnet20, precision=bf16", execution=short, seconds=(0.3, 0.3, 0.3)),
        replace(STEP, name="alexnet_mnist5", seconds=(0.3, 0.3, 0.3)),
        replace(STEP, name="alexnet_mnist5, precision=bf16", execution=short),  # 6e8 of 6e9 FLOPs in 0.21 s
    ]
    emulated = replace(short, emulated=True)
    others = [replace(STEP, name="another"), replace(STEP, name="lenet5", peer_seconds={})]
    others += [replace(STEP, name="lenet5, precision=bf16", execution=emulated)]
    path = saved(tmp_path, [step.as_dict() for step in steps + others])
    first, second, share = cells(page.goals_in_either(path))
    assert first["what"] == "`resnet20` in float32 at 100, times quick"
    assert second["what"] == "`alexnet_mnist5` in bf16 at 100, times quick"
    assert second["measured"].startswith("2.00") and second["reached"] == "yes"
    assert share == {
        "what": "`alexnet_mnist5`: share of the rate of bf16",
        "goal": "45%",
        "measured": "48%",
        "reached": "yes",
    }
    assert second["at the whole rate of bf16"] == "4.20"  # twice as fast at 48 % of the rate
    assert [row["network"] for row in cells(page.training(path))][:4] == ["`resnet20`"] * 2 + [
        "`alexnet_mnist5`"
    ] * 2


def test_inference_and_images(page, tmp_path):
    (row,) = cells(page.inference(saved(tmp_path, [replace(STEP, flops_per_mac=2).as_dict()])))
    assert (row["ms an image"], row["times"], row["of the matrix rate"]) == ("2.10", "2.00", "16%")
    rate = SourceRate(Source("some", "batch", 100, 78_400, str), (0.1, 0.2, 0.4), (7.84e6, 7.84e6, 7.84e6))
    assert cells(page.sources(saved(tmp_path, [rate.as_dict()]))) == [
        {"recipe": "`some`", "part": "batch", "images/s": "500", "of the copy rate": "25%"}
    ]


def test_time_to_accuracy(page, tmp_path):
    result = TimeTo(
        name="some",
        goal=0.99,
        execution=EXECUTION,
        split="test",
        num_images=10_000,
        load_seconds=0.5,
        compile_seconds=1.5,
        warm_up_seconds=0.25,
        sittings=(Sitting(100, 0.75, 2.0, 0.1, 0.991), Sitting(101, 0.75, 4.0, 0.1, 0.990)),
        peers={"other": ((8.0, 0.99), (12.0, 0.99))},
        top1_interval=(0.985, 0.995),
    )
    (row,) = cells(page.time_to(saved(tmp_path, result.as_dict())))
    assert row["top1 on test"] == "99.05% (98.50% to 99.50%)" and row["goal"] == "99%"
    assert (row["training"], row["a first run"], row["other"], row["times"]) == (
        "3.0 s",
        "6.0 s",
        "other",
        "3.50",
    )
