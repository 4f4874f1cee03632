"""How run folders are called."""

import re
from datetime import datetime
from pathlib import Path

from cnnlab.config import RunConfig
from cnnlab.errors import RunError

MAX_PART = 80  # characters of a recipe or a data set in a name


def name_of_run(config: RunConfig, time: datetime) -> str:
    """Return `<recipe>-<data>-s<seed>-<time>`; what a recipe calls itself never leads out of a folder."""
    data = _plain(Path(config.data.name).name) or "data"
    name = _plain(config.recipe or config.model.name).removesuffix(f"-{data}") or "run"
    return f"{name}-{data}-s{config.seed}-{time:%Y%m%d-%H%M%S}"


def make_unique(out: Path, name: str) -> Path:
    """Make a new folder, with a number behind its name if the name is taken.

    Raises:
        RunError: all numbers are taken.
    """
    for suffix in ("", *(f"-{n}" for n in range(2, 1000))):
        path = out / f"{name}{suffix}"
        try:
            path.mkdir()
        except FileExistsError:
            continue
        return path
    raise RunError(f"{out / name}: a thousand runs have this name. Choose another folder with --out.")


def _plain(name: str) -> str:
    """Return a name as a part of a folder's name: no separators, nothing hidden, not too long."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[:MAX_PART]
