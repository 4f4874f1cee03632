"""The losses that the originals printed, against those of the faithful runs, from metrics.jsonl.

Ours are of training: before each update, with dropout, mean per image over the steps named; and, where a
validation fell due at their end, of validation images, without dropout. Which of the two an original
printed is not known.
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
        step: at whose validation ours is without dropout; None where there was none.
        is_share: whether it is an accuracy.
    """

    key: str
    what: str
    published: str
    measure: Callable[[Lines], float | None]
    step: int | None = None
    is_share: bool = False


@dataclass(frozen=True)
class Measured:
    """One figure, printed by an original and measured over seeds.

    Attributes:
        printed: by the original.
        values: of each run, of training, with dropout.
        validated: of each run, of validation, without dropout; empty where there was no validation.
    """

    printed: Printed
    values: tuple[float, ...]
    validated: tuple[float, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        printed = self.printed
        return {
            "runs": printed.key,
            "what": printed.what,
            "published": printed.published,
            "values": list(self.values),
            "mean": fmean(self.values),
            "validated": list(self.validated),
        }


def measure_all(folders: StudyFolders) -> list[Measured]:
    """Work out the figures that the originals of these runs printed.

    Raises:
        RunError: metrics.jsonl of a run is damaged or too short.
    """
    return [
        Measured(
            printed,
            tuple(_measure(printed, folder) for folder in folders[printed.key]),
            tuple(_validated(printed, folder) for folder in folders[printed.key] if printed.step),
        )
        for printed in PRINTED
        if printed.key in folders
    ]


def _measure(printed: Printed, folder: RunFolder) -> float:
    value = printed.measure([line for line in folder.read_metrics() if line["split"] == "train"])
    if value is None:
        raise RunError(f"{folder.path}: metrics.jsonl lacks the steps of: {printed.what}. Train it again.")
    return value


def _validated(printed: Printed, folder: RunFolder) -> float:
    for line in folder.read_metrics():
        if line["split"] == "val" and line["step"] == printed.step:
            return line["top1" if printed.is_share else "loss"]
    raise RunError(
        f"{folder.path}: metrics.jsonl lacks the validation of step {printed.step}. Train it again."
    )


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


STEPS_PER_EPOCH = 550
"""Of 100 of the 55,000 training images each."""


def _in_epoch(number: int) -> Callable[[Lines], float | None]:
    first, last = (number - 1) * STEPS_PER_EPOCH + 1, number * STEPS_PER_EPOCH
    return lambda lines: mean_over_steps(lines, first, last)


def _of_epoch(key: str, number: int, published: str) -> Printed:
    step = number * STEPS_PER_EPOCH
    return Printed(key, f"loss in epoch {number}", published, _in_epoch(number), step)


PRINTED = (
    Printed(
        "A3-wzs faithful",
        "loss over the last 200 of 1,800 steps",
        "150 to 465",
        lambda lines: mean_over_steps(lines, 1601, 1800),
        1800,
    ),
    _of_epoch("A3-lab, 5 epochs faithful", 1, "226,463"),
    _of_epoch("A3-lab, 5 epochs faithful", 5, "103,827"),
    _of_epoch("A3-lab, 10 epochs faithful", 1, "245,511"),
    _of_epoch("A3-lab, 10 epochs faithful", 10, "50,419"),
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
        200,
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
        200,
        is_share=True,
    ),
)
