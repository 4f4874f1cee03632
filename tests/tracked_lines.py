"""Lines of metrics.jsonl, written by hand."""

from typing import Any


def line(step: int, split: str, loss: float) -> dict[str, Any]:
    """A line of metrics.jsonl."""
    about = {"split": split, "step": step, "epoch": step / 4}
    return {**about, "loss": loss, "top1": 0.1 * step, "seconds": step / 3}
