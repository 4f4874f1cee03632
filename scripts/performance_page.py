"""The tables of docs/performance.md, from what `make bench` has left in docs/performance/*.json."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from cnnlab.runs import precision_text

IN_BF16 = ", precision=bf16"
"""What the name of a network that was timed in both precisions ends with; the last setting of a variant."""
LEAST_SHARE = {"alexnet_mnist5": 0.45}
"""Which share of the rate of bf16 a step in bf16 is to reach."""
MISSING = "Not measured yet: `make bench` does it.\n"
LEAST_TIMES = {
    "alexnet_mnist3": 3.0,
    "alexnet_mnist3, lrn=False": 2.0,
    "alexnet_mnist5": 2.0,
    "resnet20": 2.0,
    "lenet5": 1.3,
    "googlenet_small": 1.3,
    "alexnet-cifar10": 1.3,
}
"""How many times as fast as the fastest other a step is to be, on two cores."""
GOALS = ["what", "goal", "measured", "reached"]
MOST_FOR_NORM = 0.05
LEAST_TIMES_TO = {"mnist-99": 4.0}
"""How many times as fast as another program a recipe is to reach its accuracy."""


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
                f"`{result['name'].removesuffix(IN_BF16)}`",
                str(result["batch_size"]),
                precision_text(result["execution"]),
                f"{result['images_per_s']:,.0f}",
                *other,
                f"{result['share_of_matrix_rate']:.0%}",
                f"{held / 1e6:,.0f}" if held else "",
            ]
        )
    return table(header, rows) + "\n" + place(results[0]["execution"], results)


def cost_of_norm(*paths: Path) -> str:
    """What LRN costs: in each process a network was timed with it and without it, in the same rounds."""
    medians = _costs_of_norm(paths)
    if not medians:
        return MISSING
    with_norm, _ = next(filter(None, map(read, paths)))
    step = f"a step of `{with_norm['name']}` at {with_norm['batch_size']} images"
    each = ", ".join(f"{one:.1%}" for one in sorted(medians))
    more = f"LRN takes {median(medians):.1%} more time for {step}"
    return f"{more}: the median of {len(medians)} processes ({each}), each a median over rounds in turn.\n"


def _costs_of_norm(paths: Iterable[Path]) -> list[float]:
    """Return by how much a step with LRN takes longer, as a fraction, for each process."""
    costs = []
    for with_norm, without in filter(None, map(read, paths)):
        assert without["name"] == with_norm["name"] + ", lrn=False", "see `make bench`"
        ratios = (one / other for one, other in zip(with_norm["seconds"], without["seconds"], strict=True))
        costs.append(median(ratios) - 1)
    return costs


def goals(folder: Path) -> str:
    """Each goal beside what was measured, and whether it was reached."""
    rows: list[list[str]] = []
    for path in sorted(folder.glob("train*.json")):
        for result in read(path):
            least = LEAST_TIMES.get(result["name"])
            if least and result["best_peer"]:
                rows.append(_goal_of_steps(result, least, f"`{result['name']}`"))
    if costs := _costs_of_norm(sorted(folder.glob("norm-*.json"))):
        measured = f"{median(costs):.1%} ({min(costs):.1%} to {max(costs):.1%} by processes)"
        is_reached = median(costs) <= MOST_FOR_NORM
        rows.append(["LRN takes", f"at most {MOST_FOR_NORM:.0%} more", measured, _mark(is_reached)])
    for path in sorted(folder.glob("time-to-*.json")):
        result = read(path)
        name, goal, top1 = f"`{result['name']}`", result["goal"], result["top1"]
        rows.append([f"{name}: mean top1", f"{100 * goal:g}%", f"{top1:.2%}", _mark(top1 >= goal)])
        least = LEAST_TIMES_TO.get(result["name"])
        for peer in (result["peers"] or []) if least else []:
            turns = zip(result["seeds"], peer["turns"], strict=True)
            shares = sorted(other["train_seconds"] / own["train_seconds"] for own, other in turns)
            measured = f"{peer['times']:.2f} ({shares[0]:.2f} to {shares[-1]:.2f} by seeds)"
            what = f"{name}, times `{peer['name']}`"
            rows.append([what, f"{least:.1f} times", measured, _mark(peer["times"] >= least)])
    return table(GOALS, rows) if rows else MISSING


def goals_in_either(*paths: Path) -> str:
    """Goals of steps that were timed in both precisions: of each network, the faster one.

    Beside them, what a step would reach that does nothing but multiply in bf16, at the machine's whole rate.
    """
    fastest: dict[str, dict[str, Any]] = {}
    limits: dict[str, str] = {}
    shares: list[list[str]] = []
    for result in (result for path in paths for result in read(path) or []):
        name, execution = result["name"].removesuffix(IN_BF16), result["execution"]
        if name not in LEAST_TIMES or not result["best_peer"] or execution["emulated"]:
            continue
        if name not in fastest or result["images_per_s"] > fastest[name]["images_per_s"]:
            fastest[name] = result
        if execution["precision"] != "bf16":
            continue
        share, least = result["share_of_matrix_rate"], LEAST_SHARE.get(name)
        limits[name] = f"{_best(result)['times'] / share:.2f}"
        if least:
            what = f"`{name}`: share of the rate of bf16"
            shares.append([what, f"{least:.0%}", f"{share:.0%}", _mark(share >= least), ""])
    rows = [
        [
            *_goal_of_steps(result, LEAST_TIMES[name], f"`{name}` in {result['execution']['precision']}"),
            limits.get(name, ""),
        ]
        for name, result in fastest.items()
    ]
    if not rows:
        return MISSING.replace("`make bench`", "`make bench-bf16`")
    return table([*GOALS, "at the whole rate of bf16"], rows + shares)


def _goal_of_steps(result: dict[str, Any], least: float, title: str) -> list[str]:
    best = _best(result)
    ratios = [other / own for own, other in zip(result["seconds"], best["seconds"], strict=True)]
    measured = f"{best['times']:.2f} ({min(ratios):.2f} to {max(ratios):.2f} by rounds)"
    what = f"{title} at {result['batch_size']}, times {best['name']}"
    return [what, f"{least:.1f} times", measured, _mark(best["times"] >= least)]


def _best(result: dict[str, Any]) -> dict[str, Any]:
    return next(peer for peer in result["peers"] if peer["name"] == result["best_peer"])


def _mark(is_reached: bool) -> str:
    return "yes" if is_reached else "**no**"


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
    header = [
        "recipe",
        "goal",
        "seeds",
        "top1 on test",
        "together",
        "training",
        "a first run",
        "other",
        "its training",
    ]
    header += ["its top1", "times"]
    rows = []
    for result in results:
        interval = result["top1_interval"]
        top1 = f"{result['top1']:.2%}"
        top1 += f" ({interval[0]:.2%} to {interval[1]:.2%})" if interval else ""
        together = result.get("together_top1")
        row = [f"`{result['name']}`", f"{100 * result['goal']:g}%", str(len(result["seeds"])), top1]
        row += ["" if together is None else f"{together:.2%}"]
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
