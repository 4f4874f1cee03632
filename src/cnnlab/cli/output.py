"""Where output goes: results to stdout, messages and progress to stderr; no live bar in a pipe."""

import json
import os
import re
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cnnlab.training import Progress


def escaped(text: str) -> str:
    r"""Return text with what no line can hold, but a file's name can, spelled out: `\n`, `\x1b`, `\udcff`."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]", lambda found: ascii(found[0])[1:-1], text)


def say(message: str) -> None:
    """Print a message of one line for a person on stderr."""
    print(escaped(message), file=sys.stderr, flush=True)


def command_line() -> str:
    """Return this command for the record; files of UTF-8 cannot hold every byte of a path."""
    return shlex.join(["cnnlab", *sys.argv[1:]]).encode(errors="backslashreplace").decode()


def print_line(text: str) -> None:
    """Print a line of a result for a person on stdout."""
    print(escaped(text))


def print_path(path: Path) -> None:
    """Print a path on stdout, byte for byte: `RUN=$(cnnlab train ...)` must name the folder."""
    sys.stdout.flush()
    sys.stdout.buffer.write(os.fsencode(path) + b"\n")


def print_json(value: Any) -> None:
    """Print a result for a machine on stdout; accuracies are fractions, times are seconds.

    It is ASCII, so that it is valid whatever a file's name holds, and whatever stdout's encoding is.
    """
    print(json.dumps(value, indent=2))


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
        table.add_row(*map(escaped, row))
    # A pipe has no width: there nothing is folded. The stream is named for its encoding: ASCII has no rules.
    width = None if sys.stdout.isatty() else 10_000
    Console(file=sys.stdout, width=width, markup=False, highlight=False, emoji=False).print(table)


def choose_progress() -> "Progress":
    """Return a live bar where stderr is a terminal, plain lines elsewhere."""
    from cnnlab.training import BarProgress, LineProgress

    return BarProgress() if sys.stderr.isatty() else LineProgress()
