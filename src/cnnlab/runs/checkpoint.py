"""Checkpoints: everything that resume needs, as safetensors and JSON under sha256 sums; never pickle.

A checkpoint is a folder `step-00000600/` that appears by one rename, so it is whole or not there. The newest
two are kept: should the newest prove damaged, the one before it is used.
"""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from cnnlab.errors import RunError
from cnnlab.runs.atomic import sync_folder, write_errors_explained

TENSORS, STATE, SUMS = "tensors.safetensors", "state.json", "SHA256SUMS"
NUM_KEPT = 2

_NAME = re.compile(r"step-[0-9]{8,}")


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint holds.

    Attributes:
        tensors: weights, buffers and optimizer state by name.
        state: everything else, as JSON values.
    """

    tensors: dict[str, Tensor]
    state: dict[str, Any]


def save_checkpoint(folder: Path, step: int, checkpoint: Checkpoint) -> Path:
    """Write a checkpoint into `folder`, then drop all but this one and the one before it.

    Checkpoints of later steps are dropped as well: the run went back behind them because they are damaged.

    Args:
        folder: the run's `checkpoint/`; made if it is not there.
        step: optimizer updates done so far; names the checkpoint.
        checkpoint: tensors (contiguous, on any device) and state.

    Raises:
        MissingResourceError: the disk is full or does not let itself be written; the checkpoints before this
            one are untouched.
    """
    files = {
        TENSORS: save({name: tensor.cpu().contiguous() for name, tensor in checkpoint.tensors.items()}),
        STATE: json.dumps(checkpoint.state, allow_nan=False).encode(),
    }
    files[SUMS] = "".join(f"{_sha256(content)}  {name}\n" for name, content in files.items()).encode()
    final = folder / f"step-{step:08d}"
    temporary = folder / f".{final.name}.tmp"
    with write_errors_explained(folder, needed=sum(map(len, files.values()))):
        try:
            if not folder.is_dir():
                folder.mkdir(parents=True)
                sync_folder(folder.parent)
            for left_by_a_crash in folder.glob(".step-*.tmp"):
                shutil.rmtree(left_by_a_crash, ignore_errors=True)
            temporary.mkdir()
            for name, content in files.items():
                with (temporary / name).open("wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
            sync_folder(temporary)
            if final.exists():
                shutil.rmtree(final)  # a step is only saved again where its first checkpoint is damaged
            temporary.rename(final)
            sync_folder(folder)
        except OSError:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
    paths = list_checkpoints(folder)
    kept = [path for path in paths if step_of(path) <= step][-NUM_KEPT:]
    for path in paths:
        if path not in kept:
            shutil.rmtree(path, ignore_errors=True)
    return final


def list_checkpoints(folder: Path) -> list[Path]:
    """Return the checkpoints in a run's `checkpoint/`, oldest first."""
    return sorted((path for path in folder.glob("step-*") if _NAME.fullmatch(path.name)), key=step_of)


def step_of(path: Path) -> int:
    """Return the step that a checkpoint was written after."""
    return int(path.name.removeprefix("step-"))


def load_latest(
    folder: Path, *, warn: Callable[[str], None], check: Callable[[dict[str, Any], int], str] | None = None
) -> Checkpoint | None:
    """Return the newest checkpoint that is whole, or None where none was ever written.

    Args:
        folder: the run's `checkpoint/`.
        warn: told of each damaged checkpoint that is passed over.
        check: given a state and the step that its folder is named by, returns what is wrong with it, or
            nothing. A wrong one is passed over as a damaged one is.

    Raises:
        RunError: there are checkpoints, and all of them are damaged.
    """
    paths = list_checkpoints(folder)
    for path in reversed(paths):
        try:
            checkpoint = read_checkpoint(path)
        except RunError as error:
            warn(str(error))
            continue
        wrong = check(checkpoint.state, step_of(path)) if check is not None else ""
        if not wrong:
            return checkpoint
        warn(f"{path}: damaged checkpoint: {STATE}: {wrong}.")
    if paths:
        all_of_them = f"all {len(paths)} checkpoints are" if len(paths) > 1 else "the only checkpoint is"
        raise RunError(f"{folder}: {all_of_them} damaged. Train again with `cnnlab train`.")
    return None


def read_checkpoint(path: Path) -> Checkpoint:
    """Read one checkpoint after comparing its files with their sums.

    Raises:
        RunError: a file is missing or differs from its sum.
    """
    try:
        contents = {name: (path / name).read_bytes() for name in (TENSORS, STATE, SUMS)}
    except OSError as error:
        raise RunError(f"{path}: damaged checkpoint: {error.strerror}: {error.filename or ''}.") from None
    expected = "".join(f"{_sha256(contents[name])}  {name}\n" for name in (TENSORS, STATE))
    if contents[SUMS].decode(errors="replace") != expected:
        raise RunError(f"{path}: damaged checkpoint: its files differ from their sha256 sums.")
    try:
        return Checkpoint(load(contents[TENSORS]), json.loads(contents[STATE]))
    except (SafetensorError, ValueError, KeyError, TypeError, RecursionError):
        raise RunError(f"{path}: damaged checkpoint: not written by cnnlab.") from None


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
