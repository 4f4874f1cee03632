"""How a run was computed, as environment.json, checkpoints and pre-trainings record it."""

from collections.abc import Mapping
from typing import Any


def precision_text(execution: Mapping[str, Any]) -> str:
    """Return the precision of a record for people: bf16 that was emulated says so."""
    return f"{execution.get('precision', '?')}{' emulated' if execution.get('emulated') else ''}"


def with_later_fields(execution: Mapping[str, Any]) -> dict[str, Any]:
    """Return the record of an earlier version with what that did not know of: compiling, emulating."""
    return {"compiled": False, "emulated": False, **execution}
