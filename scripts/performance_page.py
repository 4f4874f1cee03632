"""The tables of docs/performance.md, from what `make bench` has left in docs/performance/*.json."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

MISSING = "Not measured yet: `make bench` does it.\n"


def read(path: Path) -> Any:
    return json.loads(path.read_text()) if path.exists() else None


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    marks = ["---", *["--:"] * (len(header) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, marks, *rows)) + "\n"


def training(*paths: Path) -> str:
    """Images/s of training steps, against the fastest of the others, and the share of the matrix rate."""
    results = [result for path in paths for result in read(path) or []]
    if not results:
        return MISSING
    header = ["network", "batch", "precision", "images/s", "fastest other", "its images/s", "times"]
    header += ["of the matrix rate", "MB held"]
    rows = []
    for result in results:
        best = next((peer for peer in result["peers"] if peer["name"] == result["best_peer"]), None)
        held = result.get("memory_bytes")
        other = ["", "", ""]
        if best is not None:
            other = [best["name"], f"{best['images_per_s']:,.0f}", f"{best['times']:.2f}"]
        rows.append(
            [
                f"`{result['name']}`",
                str(result["batch_size"]),
                result["execution"]["precision"],
                f"{result['images_per_s']:,.0f}",
                *other,
                f"{result['share_of_matrix_rate']:.0%}",
                f"{held / 1e6:,.0f}" if held else "",
            ]
        )
    return table(header, rows) + "\n" + place(results[0]["execution"], results)


def cost_of_norm(*paths: Path) -> str:
    """What LRN costs: in each process a network was timed with it and without it, in the same rounds."""
    medians = []
    step = ""
    for results in filter(None, map(read, paths)):
        with_norm, without = results
        assert without["name"] == with_norm["name"] + ", lrn=False", "see `make bench`"
        step = f"a step of `{with_norm['name']}` at {with_norm['batch_size']} images"
        medians.append(
            median(one / other for one, other in zip(*(r["seconds"] for r in results), strict=True))
        )
    if not medians:
        return MISSING
    each = ", ".join(f"{one - 1:.1%}" for one in sorted(medians))
    more = f"LRN takes {median(medians) - 1:.1%} more time for {step}"
    return f"{more}: the median of {len(medians)} processes ({each}), each a median over rounds in turn.\n"


def inference(path: Path) -> str:
    """Images/s of forward passes."""
    results = read(path)
    if results is None:
        return MISSING
    header = ["network", "batch", "images/s", "ms an image", "plain PyTorch", "times", "of the matrix rate"]
    rows = []
    for result in results:
        best = next((peer for peer in result["peers"] if peer["name"] == result["best_peer"]), None)
        other = ["", ""] if best is None else [f"{best['images_per_s']:,.0f}", f"{best['times']:.2f}"]
        rate = result["images_per_s"]
        row = [f"`{result['name']}`", str(result["batch_size"]), f"{rate:,.0f}", f"{1e3 / rate:.2f}"]
        rows.append([*row, *other, f"{result['share_of_matrix_rate']:.0%}"])
    return table(header, rows) + "\n" + place(results[0]["execution"], results)


def sources(path: Path) -> str:
    """Images/s of reading and of batches."""
    results = read(path)
    if results is None:
        return MISSING
    rows = []
    for result in results:
        share = result["share_of_copy_rate"]
        rate = f"{result['images_per_s']:,.0f}"
        rows.append([f"`{result['name']}`", result["part"], rate, "" if share is None else f"{share:.0%}"])
    return table(["recipe", "part", "images/s", "of the copy rate"], rows)


def time_to(*paths: Path) -> str:
    """Seconds to accuracies."""
    results = [result for path in paths if (result := read(path)) is not None]
    if not results:
        return MISSING
    header = ["recipe", "goal", "seeds", "top1 on test", "training", "a first run", "other", "its training"]
    header += ["its top1", "times"]
    rows = []
    for result in results:
        interval = result["top1_interval"]
        top1 = f"{result['top1']:.2%}"
        top1 += f" ({interval[0]:.2%} to {interval[1]:.2%})" if interval else ""
        row = [f"`{result['name']}`", f"{result['goal']:.1%}", str(len(result["seeds"])), top1]
        row += [f"{result['train_seconds']:.1f} s", f"{result['all_seconds']:.1f} s"]
        for peer in result["peers"] or [None]:
            other = ["", "", "", ""]
            if peer is not None:
                other = [peer["name"], f"{peer['train_seconds']:.1f} s", f"{peer['top1']:.2%}"]
                other.append(f"{peer['times']:.2f}")
            rows.append([*row, *other])
    execution = results[0]["execution"]
    return table(header, rows) + "\n" + place(execution, [])


def place(execution: dict[str, Any], results: Sequence[dict[str, Any]]) -> str:
    """Where it was measured."""
    threads = execution["threads"]
    where = f"{execution['hardware']}, {threads} thread{'s' * (threads != 1)}, torch {execution['torch']}"
    if not results:
        return f"{where}.\n"
    rates = sorted(result["matrix_flops_per_s"] for result in results)
    rate = rates[len(rates) // 2]
    rounds = len(results[0]["seconds"])
    floor = f"matrix product of 1536²: {rate / 1e9:,.0f} GFLOP/s"
    return f"{where}; {floor}; medians over {rounds} rounds in turn.\n"
