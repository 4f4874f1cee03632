"""The sum by which weights are told from others, read without torch and without reading the weights."""

import json
from pathlib import Path

METADATA = "cnnlab"
"""The entry of the file that says what it holds; `cnnlab.runs`, which writes it, imports torch."""

MAX_HEADER_BYTES = 1_000_000
"""Likewise."""


def read_weights_sum(path: Path) -> str:
    """Return the sha256 sum that a run's `model.safetensors` states of itself; empty if it states none.

    The header of a safetensors file is JSON behind its length, 8 bytes, the lowest first.
    """
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(length)) if length <= MAX_HEADER_BYTES else {}
        return str(json.loads(header["__metadata__"][METADATA])["sha256"])
    except (OSError, ValueError, LookupError, TypeError, RecursionError):  # the weights' reader says why
        return ""
