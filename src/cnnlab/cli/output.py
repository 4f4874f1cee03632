"""Where output goes: results to stdout, messages and progress to stderr; no live bar in a pipe."""

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cnnlab.training import Progress


def say(message: str) -> None:
    """Print a message for a person on stderr."""
    print(message, file=sys.stderr, flush=True)


def print_json(value: Any) -> None:
    """Print a result for a machine on stdout; accuracies are fractions, times are seconds."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()) -> None:
    """Print a table on stdout.

    Args:
        header: the names of the columns.
        rows: their values.
        right: the columns that hold numbers.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for column, name in enumerate(header):
        table.add_column(name, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*row)
    # A pipe has no width: there nothing is folded.
    Console(width=None if sys.stdout.isatty() else 10_000, markup=False, highlight=False).print(table)


def choose_progress() -> "Progress":
    """Return a live bar where stderr is a terminal, plain lines elsewhere."""
    from cnnlab.training import BarProgress, LineProgress

    return BarProgress() if sys.stderr.isatty() else LineProgress()
