"""What shows a run elsewhere, and how the lines of metrics.jsonl are called there."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from cnnlab.runs import RunFolder

EndState = Literal["finished", "stopped", "failed"]
"""How a run, or its sitting, ended: with weights, by a signal, by an error."""

TEST_SCORES = ("top1", "top5", "loss", "ece")
"""What of eval.json is one number."""


@dataclass(frozen=True)
class Ending:
    """What there is to show at the end of a run, beside its metrics.

    Attributes:
        state: how it ended.
        pictures: PNG by name, such as `confusion_matrix`.
        files: files to keep with the run, by the path that they shall have there.
    """

    state: EndState
    pictures: dict[str, bytes] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)


class Tracker(Protocol):
    """Shows one run elsewhere. Everything it shows it takes from the run folder, so that it can begin again.

    Attributes:
        name: for messages.
        option: of the command line that asks for it, for messages.
    """

    name: str
    option: str

    def check(self) -> None:
        """Find out, before anything is trained, whether it can work.

        Raises:
            ConfigError: what the user has asked for cannot be.
            MissingResourceError: an extra is not installed, or a server does not answer.
        """
        ...

    def begin(self, folder: RunFolder) -> str:
        """Make ready to show a run, once more after a failure; return a line that says where it is shown."""
        ...

    def show(self, lines: Sequence[dict[str, Any]]) -> None:
        """Show what is new in all the lines of metrics.jsonl so far."""
        ...

    def finish(self, ending: Ending) -> None:
        """Show the test scores, where there are any, and what the ending holds."""
        ...

    def close(self) -> None:
        """Let go of files and connections; never fails."""
        ...


def scalars(line: dict[str, Any]) -> dict[str, float]:
    """Return the numbers of a line of metrics.jsonl as `FIELD/SPLIT`, such as `loss/val`."""
    numbers = {name: value for name, value in line.items() if isinstance(value, int | float)}
    return {f"{name}/{line['split']}": float(value) for name, value in numbers.items() if name != "step"}


def scores_of(folder: RunFolder) -> dict[str, float]:
    """Return the scores in eval.json, as `top1/test`; empty before the run is evaluated."""
    evaluation = folder.evaluation or {}
    return {f"{name}/test": float(evaluation[name]) for name in TEST_SCORES if name in evaluation}


def start_time(folder: RunFolder) -> float:
    """Return when the run began, in seconds of the Unix clock; `seconds` of its lines count from there.

    Pauses between two sittings are left out, and a line has the same time whenever it is shown.
    """
    return (folder.path / "config.toml").stat().st_mtime
