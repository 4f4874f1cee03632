"""`cnnlab evaluate`."""

from typing import Annotated

import typer

from cnnlab.cli import options
from cnnlab.cli.output import print_json, print_line, print_table, say


def evaluate(
    run: options.Run,
    split: Annotated[str, typer.Option(help="test, val or train.")] = "test",
    data: Annotated[
        str | None, typer.Option(help="Other images of the same classes; their scores are not kept.")
    ] = None,
    data_root: options.DataRoot = None,
    as_json: options.Json = False,
) -> None:
    """Score a finished run.

    The run's own test images are looked at once, and the scores kept.
    """
    from cnnlab import lab

    scores = lab.evaluate(run, split=split, data=data, root=data_root, warn=say)
    if as_json:
        print_json(scores)
        return
    low, high = scores["top1_interval"]
    print_line(f"{run}: {scores['data']}, {scores['split']}, {scores['num_images']:,} images")
    print(f"top1 {scores['top1']:.2%} ({low:.2%} to {high:.2%}, 95 %, Wilson)")
    print(f"top5 {scores['top5']:.2%}   loss {scores['loss']:.4f}   ece {scores['ece']:.4f}\n")
    rows = [
        (name, f"{figures['num_images']:,}", _share(figures["recall"]), _share(figures["precision"]))
        for name, figures in scores["per_class"].items()
    ]
    print_table(("class", "images", "recall", "precision"), rows, right=(1, 2, 3))


def _share(value: float | None) -> str:
    """A share of nothing (no image of the class, or none called it) is undefined."""
    return "-" if value is None else f"{value:.2%}"
