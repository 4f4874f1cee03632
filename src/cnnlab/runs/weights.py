"""`model.safetensors`: the weights that evaluation uses, with all that is needed to use them.

The file describes itself: network, class names and preprocessing travel in its metadata, under a sha256 over
metadata and tensors, so that a damaged or foreign file is refused, never used.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from cnnlab.errors import RunError
from cnnlab.runs.atomic import write_bytes
from cnnlab.runs.json_files import is_there

FORMAT = "cnnlab-1"
METADATA = "cnnlab"
MAX_HEADER_BYTES = 1_000_000


def save_weights(path: Path, tensors: dict[str, Tensor], description: dict[str, Any]) -> None:
    """Write weights and their description.

    Args:
        path: the file to replace.
        tensors: the network's `state_dict`.
        description: JSON values; how to build the network and to prepare images for it.

    Raises:
        MissingResourceError: the disk is full.
    """
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    text = json.dumps(description, ensure_ascii=False, sort_keys=True)
    about = {"format": FORMAT, "description": text, "sha256": _digest(text, plain)}
    # One entry only: safetensors writes several in no fixed order, and equal runs must give equal files.
    write_bytes(path, save(plain, {METADATA: json.dumps(about)}))


def load_weights(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read weights and their description.

    Raises:
        RunError: the file is missing, damaged, or was not written by `save_weights`.
    """
    try:
        is_there(path)
        size = path.stat().st_size
        with path.open("rb") as file:
            header_bytes = int.from_bytes(file.read(8), "little")
            # Checked before anything is parsed: the length is the file's own word.
            if size < 8 or header_bytes > min(MAX_HEADER_BYTES, size - 8):
                raise RunError(f"{path}: damaged weights: a header of {header_bytes} bytes in {size} bytes.")
            header = json.loads(file.read(header_bytes))
            file.seek(0)
            tensors = load(file.read())
        written = header["__metadata__"][METADATA]
        about = json.loads(written)
        if about["format"] != FORMAT:
            raise RunError(f"{path}: weights in format {about['format']!r}; this version reads {FORMAT!r}.")
        text, expected = about["description"], about["sha256"]
        description = json.loads(text)
    except OSError as error:
        raise RunError(f"{path}: no weights can be read here: {error.strerror}.") from None
    except (SafetensorError, ValueError, KeyError, TypeError, RecursionError) as error:
        if isinstance(error, RunError):
            raise
        raise RunError(f"{path}: damaged weights, or not written by cnnlab.") from None
    # JSON has several spellings for one letter: only the one that was written is accepted.
    if json.dumps(about) != written or _digest(text, tensors) != expected:
        raise RunError(f"{path}: damaged weights: the content differs from its sha256 sum.")
    return tensors, description


def _digest(text: str, tensors: dict[str, Tensor]) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        digest.update(f"{name} {tensors[name].dtype} {tuple(tensors[name].shape)}".encode())
        digest.update(tensors[name].reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
