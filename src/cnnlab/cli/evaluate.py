"""`cnnlab evaluate`."""

from typing import Annotated, Any

import typer

from cnnlab.cli import options
from cnnlab.cli.output import print_json, print_line, print_table, say

SCORES = ("recall", "precision", "f1")
"""Of each class, as eval.json calls them; files of earlier versions lack the last."""


def evaluate(
    run: options.Run,
    split: Annotated[str, typer.Option(help="test, val or train.")] = "test",
    data: Annotated[
        str | None, typer.Option(help="Other images of the same classes; their scores are not kept.")
    ] = None,
    data_root: options.DataRoot = None,
    tta: options.Tta = None,
    average: options.Average = None,
    as_json: options.Json = False,
) -> None:
    """Score a finished run.

    The run's own test images are looked at once, as its config says, and the scores kept. Scores by other
    views of them are not kept.
    """
    from cnnlab import lab
    from cnnlab.evaluation import ONE_VIEW, views_in_words

    scores = lab.evaluate(run, split=split, data=data, root=data_root, tta=tta, average=average, warn=say)
    if as_json:
        print_json(scores)
        return
    views = views_in_words(scores["tta"], scores["average"])
    by_views = "" if views == ONE_VIEW else f", {views}"
    print_line(f"{run}: {scores['data']}, {scores['split']}, {scores['num_images']:,} images{by_views}")
    print(f"top1 {_top1(scores)}")
    if first := scores["first"]:
        print(f"top1 on the first {first['num_images']:,} images alone {_top1(first)}")
    print(f"top5 {scores['top5']:.2%}   loss {scores['loss']:.4f}   ece {scores['ece']:.4f}\n")
    rows = [
        (name, f"{figures['num_images']:,}", *(_share(figures.get(score)) for score in SCORES))
        for name, figures in scores["per_class"].items()
    ]
    print_table(("class", "images", "recall", "precision", "F1"), rows, right=(1, 2, 3, 4))


def _top1(scores: dict[str, Any]) -> str:
    low, high = scores["top1_interval"]
    return f"{scores['top1']:.2%} ({low:.2%} to {high:.2%}, 95 %, Wilson)"


def _share(value: float | None) -> str:
    """A share of nothing (no image of the class, or none called it) is undefined."""
    return "-" if value is None else f"{value:.2%}"
