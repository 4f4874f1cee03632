"""A comparison as a table: plain text, Markdown, CSV, JSON."""

import csv
import io
import json
import shutil
from pathlib import Path

from cnnlab.errors import RunError
from cnnlab.evaluation import ONE_VIEW, Comparison, NetworkResult, wilson_interval
from cnnlab.reporting.grid import Table, table_markdown, table_text
from cnnlab.runs.atomic import write_bytes, write_json

STEM = "comparison"
_SIDES = "<>><>>>>>"  # of the columns of `comparison_rows`


def comparison_rows(comparison: Comparison) -> tuple[list[str], list[list[str]]]:
    """Return a header and one row per network, as people read them: per cent, minutes, megabytes."""
    num_seeds = len(comparison.seeds)
    header = [
        "network",
        "test top1" if num_seeds == 1 else f"test top1, mean of {num_seeds}",
        "95 % interval",
        "against the first",
        "p",
        "per epoch",
        "training",
        "parameters",
        "peak memory",
    ]
    return header, [_row(result) for result in comparison.networks]


def comparison_notes(comparison: Comparison) -> list[str]:
    """Return what a reader must know to trust the table: data, seeds, tests, hardware, commit."""
    seeds = ", ".join(str(seed) for seed in comparison.seeds)
    first, *others = comparison.networks
    num_images = comparison.num_images
    notes = [
        f"Data: {comparison.data}, {num_images:,} test images; "
        f"seed{'s' * (len(comparison.seeds) > 1)} {seeds}; interval: {first.interval_method}.",
    ]
    if comparison.views != ONE_VIEW:
        notes.append(f"Views of each test image: {comparison.views}.")
    if len(comparison.seeds) > 1:
        notes.append("Spread over seeds is not taken below the resolution of one image.")
        notes.append(
            f"By its {num_images:,} test images alone a figure is uncertain by up to "
            f"±{100 * _image_uncertainty(comparison):.2g} points (Wilson, 95 %)."
        )
    if others:
        tests = {result.test.method for result in others if result.test}
        num_tests = comparison.num_tests
        family = f"; p by Holm's method, for {num_tests} comparisons" if num_tests > 1 else ""
        notes.append(f"Test against {first.name}: {', '.join(sorted(tests))}, two-sided{family}.")
        if len(comparison.seeds) < 3:
            notes.append("One or two seeds show how these runs differ, not the networks: use 3 or more.")
    if comparison.rivals is not None:
        notes.append(_best_in_words(comparison))
    if any(result.ensemble for result in comparison.networks):
        notes.append(f"Ensemble, the mean of all seeds' probabilities: {_ensembles(comparison)} (Wilson).")
    notes.append(f"Hardware: {'; '.join(comparison.hardware)}.")
    if len(comparison.hardware) > 1:
        notes.append("Not all runs had the same hardware or precision: their times cannot be compared.")
    notes.append(f"Commit: {', '.join(short_commit(commit) for commit in comparison.commits)}.")
    return notes


def to_text(comparison: Comparison, *, width: int | None = None) -> str:
    """Return an aligned table with its notes.

    Args:
        comparison: what to show.
        width: characters in a line, the terminal's if not given; where a row does not fit, networks become
            columns.
    """
    header, rows = comparison_rows(comparison)
    width = width or shutil.get_terminal_size(fallback=(200, 24)).columns
    notes = [*comparison_notes(comparison), *_made_by(comparison)]
    return table_text(Table(header, rows, _SIDES, notes=notes), width=width)


def to_markdown(comparison: Comparison) -> str:
    """Return a table with its notes."""
    header, rows = comparison_rows(comparison)
    table = table_markdown(Table(header, rows, _SIDES, notes=comparison_notes(comparison)))
    return table + "".join(f"{line}  \n" for line in _made_by(comparison, "`"))


def to_csv(comparison: Comparison) -> str:
    """Return one line per network: fractions, seconds and bytes, as in JSON."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    columns = ["name", "network", "mean_top1", "low", "high", "interval_method", "difference", "p_value"]
    columns += [
        "p_holm",
        "effect_size",
        "test_method",
        "verdict",
        "seconds_per_epoch",
        "train_seconds",
        "num_parameters",
    ]
    columns += ["peak_memory_bytes", *(f"top1_seed{seed}" for seed in comparison.seeds)]
    writer.writerow([*columns, "ensemble_top1", "ensemble_low", "ensemble_high"])
    for result in comparison.networks:
        test = result.test
        against = [""] * 6
        if test:
            effect = "" if test.effect_size is None else test.effect_size
            against = [test.difference, test.p_value, test.p_holm, effect, test.method, test.verdict]
        cost = [result.seconds_per_epoch, result.train_seconds, result.num_parameters]
        row = [result.name, result.network, result.mean_top1, *result.interval, result.interval_method]
        together = [result.ensemble.top1, *result.ensemble.interval] if result.ensemble else [""] * 3
        writer.writerow([*row, *against, *cost, result.peak_memory_bytes, *result.top1, *together])
    return file.getvalue()


def write_comparison(folder: Path, comparison: Comparison) -> list[Path]:
    """Write comparison.json, .csv and .md, each as one step, and return their paths.

    Raises:
        MissingResourceError: the disk is full.
    """
    paths = [folder / f"{STEM}.{ending}" for ending in ("json", "csv", "md")]
    folder.mkdir(parents=True, exist_ok=True)
    write_json(paths[0], comparison.as_dict())
    write_bytes(paths[1], to_csv(comparison).encode())
    write_bytes(paths[2], to_markdown(comparison).encode())
    return paths


def read_comparison(path: Path) -> Comparison:
    """Read a comparison.json.

    Raises:
        RunError: the file cannot be read, or holds something else.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"{path}: cannot be read as a comparison: {error}.") from None
    return Comparison.from_dict(values, source=str(path))


def _row(result: NetworkResult) -> list[str]:
    low, high = result.interval
    test = result.test
    against = "(the first)"
    if test is not None:
        _, _, of_one = test.method.partition(", ")  # such as "seed 0", where the means are not compared
        against = f"{100 * test.difference:+.2f} points{of_one and f' ({of_one})'}: {test.verdict}"
    return [
        result.name,
        f"{result.mean_top1:.2%}",
        f"{low:.2%} to {high:.2%}",
        against,
        "" if test is None else "< 0.001" if test.p_holm < 0.001 else f"{test.p_holm:.3f}",
        _duration(result.seconds_per_epoch),
        _duration(result.train_seconds),
        f"{result.num_parameters:,}",
        f"{result.peak_memory_bytes / 1e6:,.0f} MB",
    ]


def _best_in_words(comparison: Comparison) -> str:
    best, rivals = comparison.best.name, comparison.rivals or ()
    worse = ", ".join(one.name for one in comparison.networks if one.name not in (best, *rivals))
    apart = f"cannot be told apart from {', '.join(rivals)}" if rivals else "better than each of the others"
    if rivals and worse:
        apart = f"better than {worse}; {apart}"
    return f"Highest mean: {best}; {apart} (paired t over seeds, Holm's method)."


def _ensembles(comparison: Comparison) -> str:
    return "; ".join(
        f"{result.name} {one.top1:.2%}, 95 % {one.interval[0]:.2%} to {one.interval[1]:.2%}"
        for result in comparison.networks
        if (one := result.ensemble)
    )


def _image_uncertainty(comparison: Comparison) -> float:
    """Return what an interval over seeds leaves out: the largest half-width over images, as a fraction."""
    halves = []
    for top1 in (top1 for result in comparison.networks for top1 in result.top1):
        interval = wilson_interval(round(top1 * comparison.num_images), comparison.num_images)
        assert interval.low is not None and interval.high is not None
        halves.append((interval.high - interval.low) / 2)
    return max(halves)


def short_commit(commit: str) -> str:
    """Return a commit in 12 characters, with the mark of changes beyond it."""
    return commit[:12] + "+" * (commit.endswith("+") and len(commit) > 12)


def _made_by(comparison: Comparison, quote: str = "") -> list[str]:
    return [f"Made by: {quote}{comparison.command}{quote}"] if comparison.command else []


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.3g} s"
    minutes = seconds / 60
    return f"{minutes:.1f} min" if minutes < 100 else f"{minutes / 60:.1f} h"
