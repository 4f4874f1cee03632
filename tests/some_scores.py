"""Test scores of a run that nobody evaluated, complete, as `eval.json` holds them."""

from typing import Any


def some_scores(top1: float, class_names: tuple[str, ...] = ("a",)) -> dict[str, Any]:
    """What `Evaluation.scores` holds; all 8 images are of the first class."""
    row = [8, *([0] * (len(class_names) - 1))]
    return {
        "top1": top1,
        "top1_interval": [0.0, 1.0],
        "top5": 1.0,
        "loss": 0.5,
        "ece": 0.125,
        "per_class": {
            name: {"recall": top1, "precision": None, "f1": None, "num_images": num}
            for name, num in zip(class_names, row, strict=True)
        },
        "confusion_matrix": [row, *([[0] * len(row)] * (len(row) - 1))],
        "first": None,
    }


def some_evaluation(top1: float, class_names: tuple[str, ...] = ("a",)) -> dict[str, Any]:
    """What `eval.json` holds."""
    about = {
        "class_names": [*class_names],
        "num_images": 8,
        "split": "test",
        "data": "some",
    }
    rest = {"fingerprint": "f", "seconds": 0.5, "tta": "none", "average": "probs"}
    return {**some_scores(top1, class_names), **about, **rest}
