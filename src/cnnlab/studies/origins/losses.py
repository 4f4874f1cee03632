"""The losses that the originals printed, against those of the faithful runs, from metrics.jsonl.

Ours are of training: before each update, with dropout, mean per image over the steps named.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from cnnlab.errors import RunError
from cnnlab.runs import RunFolder
from cnnlab.studies.study import StudyFolders

Lines = Sequence[dict[str, Any]]


@dataclass(frozen=True)
class Printed:
    """A figure that an original printed while it trained.

    Attributes:
        key: of the faithful runs.
        what: which figure, in words, as ours is worked out.
        published: in words.
        measure: works out ours from the lines of training; None where they do not reach so far.
        is_share: whether it is an accuracy.
    """

    key: str
    what: str
    published: str
    measure: Callable[[Lines], float | None]
    is_share: bool = False


@dataclass(frozen=True)
class Measured:
    """One figure, printed by an original and measured over seeds."""

    printed: Printed
    values: tuple[float, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        printed = self.printed
        return {
            "runs": printed.key,
            "what": printed.what,
            "published": printed.published,
            "values": list(self.values),
            "mean": fmean(self.values),
        }


def measure_all(folders: StudyFolders) -> list[Measured]:
    """Work out the figures that the originals of these runs printed.

    Raises:
        RunError: metrics.jsonl of a run is damaged or too short.
    """
    return [
        Measured(printed, tuple(_measure(printed, folder) for folder in folders[printed.key]))
        for printed in PRINTED
        if printed.key in folders
    ]


def _measure(printed: Printed, folder: RunFolder) -> float:
    value = printed.measure([line for line in folder.read_metrics() if line["split"] == "train"])
    if value is None:
        raise RunError(f"{folder.path}: metrics.jsonl lacks the steps of: {printed.what}. Train it again.")
    return value


def mean_over_steps(lines: Lines, first: int, last: int, field: str = "loss") -> float | None:
    """Return the mean of a field over steps `first` to `last`; None where no lines cover exactly these.

    A line holds the mean over the steps since the line before.
    """
    total, previous = 0.0, 0
    covered = 0
    for line in lines:
        step = line["step"]
        if previous + 1 >= first and step <= last:
            total += line[field] * (step - previous)
            covered += step - previous
        previous = step
    return total / covered if covered == last - first + 1 else None


def _in_epoch(number: int, steps_per_epoch: int = 550) -> Callable[[Lines], float | None]:
    first, last = (number - 1) * steps_per_epoch + 1, number * steps_per_epoch
    return lambda lines: mean_over_steps(lines, first, last)


PRINTED = (
    Printed(
        "A3-wzs faithful",
        "loss over the last 200 of 1,800 steps",
        "150 to 465",
        lambda lines: mean_over_steps(lines, 1601, 1800),
    ),
    Printed("A3-lab, 5 epochs faithful", "loss in epoch 1", "226,463", _in_epoch(1)),
    Printed("A3-lab, 5 epochs faithful", "loss in epoch 5", "103,827", _in_epoch(5)),
    Printed("A3-lab, 10 epochs faithful", "loss in epoch 1", "245,511", _in_epoch(1)),
    Printed("A3-lab, 10 epochs faithful", "loss in epoch 10", "50,419", _in_epoch(10)),
    Printed(
        "C2 faithful",
        "loss over steps 1 to 10",
        "94,274 (step 1)",
        lambda lines: mean_over_steps(lines, 1, 10),
    ),
    Printed(
        "C2 faithful",
        "loss over steps 191 to 200",
        "1,209 (step 200)",
        lambda lines: mean_over_steps(lines, 191, 200),
    ),
    Printed(
        "C2 faithful",
        "train accuracy over steps 1 to 10",
        "4.7% (step 1)",
        lambda lines: mean_over_steps(lines, 1, 10, "top1"),
        is_share=True,
    ),
    Printed(
        "C2 faithful",
        "train accuracy over steps 191 to 200",
        "86% (step 200)",
        lambda lines: mean_over_steps(lines, 191, 200, "top1"),
        is_share=True,
    ),
)
