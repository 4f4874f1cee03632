"""The form of a checkpoint's state, checked before a run goes on from it."""

from typing import Annotated, Any

from pydantic import Field

from cnnlab.runs import Content, Count, Seconds, Share, what_is_wrong


class SavedTally(Content):
    """Fields of `Tally`."""

    loss: float
    num_correct: Count
    num_images: Count
    seconds: Seconds


class SavedOrigin(Content):
    """What `describe_origin` returns."""

    execution: dict[str, Any]
    settings: dict[str, Any]
    fingerprints: dict[str, str]


class SavedState(Content):
    """What `TrainingState.to_checkpoint` writes beside the tensors."""

    step: Annotated[int, Field(ge=1)]
    seconds: Seconds
    peak_memory_bytes: Count
    tally: SavedTally
    val_top1: Share
    best_top1: Annotated[float, Field(ge=-1.0, le=1.0)]
    num_worse: Count
    inexact_at: list[Count]
    origin: SavedOrigin
    metrics_bytes: Count


def what_is_wrong_with(state: dict[str, Any], step: int) -> str:
    """Return what is wrong with a checkpoint's state, by field; empty if nothing is.

    Args:
        state: as it was read.
        step: the step that the checkpoint's folder is named by.
    """
    wrong = what_is_wrong(state, SavedState)
    if not wrong and state["step"] != step:
        wrong = f"step: is {state['step']}, where the folder says {step}"
    return wrong
