"""Tables of text: aligned for a terminal, and as Markdown."""

import re
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """Cells of one line each.

    Attributes:
        header: names of the columns.
        rows: one text per column.
        sides: one of `<` and `>` per column: set to the left or the right.
        title: what stands above it; empty if nothing does.
        notes: what stands below it, a line each.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    sides: str
    title: str = ""
    notes: Sequence[str] = ()


def table_text(table: Table, *, width: int | None = None) -> str:
    """Return the lines of a table for a terminal.

    Args:
        table: what to show.
        width: characters in a line; where a row does not fit, rows become columns, if that is narrower. No
            limit if not given.
    """
    cells = [list(table.header), *map(list, table.rows)]
    lines = _aligned(cells, table.sides)
    if width is not None and len(lines[1]) > width:
        turned = _aligned([list(column) for column in zip(*cells, strict=True)], "<" + ">" * len(table.rows))
        lines = min(lines, turned, key=lambda some: len(some[1]))
    above = [table.title, ""] if table.title else []
    below = ["", *table.notes] if table.notes else []
    return "\n".join([*above, *lines, *below]) + "\n"


def table_markdown(table: Table) -> str:
    """Return a table as Markdown, its title as a heading of the second level."""
    lines = [
        f"| {' | '.join(escape_markdown(cell) for cell in row)} |" for row in (table.header, *table.rows)
    ]
    lines.insert(1, f"| {' | '.join('--:' if side == '>' else '---' for side in table.sides)} |")
    above = [f"## {escape_markdown(table.title)}", ""] if table.title else []
    below = ["", *(f"{escape_markdown(note)}  " for note in table.notes)] if table.notes else []
    return "\n".join([*above, *lines, *below]) + "\n"


def escape_markdown(text: str) -> str:
    """Keep Markdown from reading a text's own signs, and whoever shows it from reading tags; in one line."""
    return re.sub(r"([\\|_*`\[\]]|<(?=[A-Za-z/!?]))", r"\\\1", " ".join(text.split("\n")))


def _aligned(table: list[list[str]], sides: str) -> list[str]:
    """Return the lines of a table whose columns are set to the left (<) or the right (>)."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    rule = ["-" * width for width in widths]
    return [
        "  ".join(
            f"{cell:{side}{width}}" for cell, side, width in zip(row, sides, widths, strict=True)
        ).rstrip()
        for row in (table[0], rule, *table[1:])
    ]
