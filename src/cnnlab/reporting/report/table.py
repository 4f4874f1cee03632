"""A table of a report, for a page, for slides and for Markdown."""

from collections.abc import Sequence
from dataclasses import dataclass

from cnnlab.reporting.grid import Table, table_markdown


@dataclass(frozen=True)
class Cell:
    """One cell.

    Attributes:
        shown: what stands in it.
        value: what it is sorted by; None for words, which are sorted as they stand.
    """

    shown: str
    value: float | None = None


@dataclass(frozen=True)
class ReportTable:
    """Cells under headings; columns of words are set to the left, those of numbers to the right.

    Attributes:
        header: a heading for each column.
        rows: as many cells each.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[Cell]]

    def is_text(self, column: int) -> bool:
        """Tell whether a column holds words."""
        return column == 0 or all(row[column].value is None and row[column].shown for row in self.rows)

    def to_markdown(self) -> str:
        """Return it as Markdown."""
        sides = "".join("<" if self.is_text(column) else ">" for column in range(len(self.header)))
        return table_markdown(Table(self.header, self.shown, sides)).strip()

    @property
    def shown(self) -> list[list[str]]:
        """What stands in the cells."""
        return [[cell.shown for cell in row] for row in self.rows]


def number(value: float, form: str = ",") -> Cell:
    """Return a cell with a number, written in a form of Python's."""
    return Cell(f"{value:{form}}", float(value))


def nothing(sign: str = "–") -> Cell:  # noqa: RUF001 # a dash where there is no number
    """Return a cell for a number that is not known; it is sorted before all others."""
    return Cell(sign, float("-inf"))
