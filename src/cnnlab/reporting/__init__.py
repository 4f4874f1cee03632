"""Reporting: pictures of a run, and tables of a comparison."""

from cnnlab.reporting.grid import Table, escape_markdown, table_markdown, table_text
from cnnlab.reporting.lr_curve import lr_curve
from cnnlab.reporting.pictures import FILTERS, RESTORED, write_curves, write_pretraining, write_samples
from cnnlab.reporting.tables import (
    comparison_notes,
    comparison_rows,
    read_comparison,
    short_commit,
    to_csv,
    to_markdown,
    to_text,
    write_comparison,
)

__all__ = [
    "FILTERS",
    "RESTORED",
    "Table",
    "comparison_notes",
    "comparison_rows",
    "escape_markdown",
    "lr_curve",
    "read_comparison",
    "short_commit",
    "table_markdown",
    "table_text",
    "to_csv",
    "to_markdown",
    "to_text",
    "write_comparison",
    "write_curves",
    "write_pretraining",
    "write_samples",
]
