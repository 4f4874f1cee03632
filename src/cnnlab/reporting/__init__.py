"""Reporting: pictures of a run, and tables of a comparison."""

from cnnlab.reporting.pictures import write_curves, write_samples
from cnnlab.reporting.tables import (
    comparison_notes,
    comparison_rows,
    read_comparison,
    to_csv,
    to_markdown,
    to_text,
    write_comparison,
)

__all__ = [
    "comparison_notes",
    "comparison_rows",
    "read_comparison",
    "to_csv",
    "to_markdown",
    "to_text",
    "write_comparison",
    "write_curves",
    "write_samples",
]
