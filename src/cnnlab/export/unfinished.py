"""A file or folder that has no name until it is known to be right."""

import glob
import os
import shutil
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from cnnlab.errors import ExportError
from cnnlab.runs.atomic import sync_folder, write_errors_explained

_LEFT_SECONDS = 3600


class Unfinished:
    """Gives a path to write to, and removes what lies there at the end unless it was kept.

    Args:
        target: the name that it gets when it is kept; what has that name then is replaced.

    Attributes:
        path: beside the target, of another name.
    """

    def __init__(self, target: Path) -> None:
        self._target = target = Path(os.path.realpath(target))  # what a link leads to, not the link
        self.path = target.with_name(f".{os.getpid()}.tmp.{target.name}")
        self._errors = write_errors_explained(target, needed=0)

    def __enter__(self) -> Self:
        with write_errors_explained(self._target, needed=0):
            _remove(self.path)
            for path in self._target.parent.glob(f".*.*.{glob.escape(self._target.name)}"):
                if not _is_left_over(path):
                    continue
                if path.name.split(".")[2] == "old" and not self._target.exists():
                    path.replace(self._target)  # killed in between, it was the only copy
                else:
                    _remove(path)
        self._errors.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        _remove(self.path)
        return self._errors.__exit__(kind, error, trace)

    def keep(self) -> None:
        """Give it its name.

        Raises:
            ExportError: a folder of that name holds something that is not of an earlier export.
        """
        self.refuse_others({one.name for one in self.path.iterdir()} if self.path.is_dir() else set())
        old = self._target.with_name(f".{os.getpid()}.old.{self._target.name}")
        if self._target.is_dir():  # a folder cannot be replaced in one step
            self._target.rename(old)
        self.path.replace(self._target)
        _remove(old)
        sync_folder(self._target.parent)

    def refuse_others(self, names: set[str]) -> None:
        """Refuse to replace a folder that holds anything else; as `keep`.

        Args:
            names: what lies in the new folder; empty where a file takes the folder's place.
        """
        if not self._target.is_dir():
            return
        others = sorted({one.name for one in self._target.iterdir()} - names)
        if others or not names:
            reason = f"it holds {others[0]!r}, which no export has written" if names else "it is a folder"
            raise ExportError(f"{self._target}: is in the way: {reason}. Remove or rename it.")

    def num_bytes(self) -> int:
        """Return the size of the file, or of all files in the folder."""
        files = [self.path, *self.path.rglob("*")]
        return sum(file.stat().st_size for file in files if file.is_file())


def _is_left_over(path: Path) -> bool:
    """True for what a process has left that was killed; not for what another machine may be writing."""
    pid, kind, _name = path.name[1:].split(".", 2)
    is_ours = pid.isdecimal() and kind in ("tmp", "old") and Path("/proc").is_dir()
    try:
        is_old = time.time() - path.lstat().st_mtime > _LEFT_SECONDS
    except OSError:  # another export has just given it its name
        return False
    return is_ours and is_old and not Path(f"/proc/{pid}").exists()


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
