"""Where the published files of a data set lie on this machine, and what to tell a user who lacks them."""

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cnnlab.data.sources.published import FileSet, PublishedFile
from cnnlab.errors import DataError, MissingResourceError
from cnnlab.machine import cache_folder

DATA_ROOT_VARIABLE = "CNNLAB_DATA_ROOT"


OnDamage = Callable[[Path, DataError], None]
"""Told of a damaged file and what is wrong with it."""


@dataclass(frozen=True)
class Places:
    """Where to look for data, and whether to fetch what is missing.

    Attributes:
        roots: data roots, the first that has the files is used; downloads go into the last, the cache.
        download: fetch missing files.
        warn: takes one line about something that happened.
    """

    roots: tuple[Path, ...]
    download: bool
    warn: Callable[[str], None]


def data_roots(root: Path | str | None) -> tuple[Path, ...]:
    """Return the folders to search: the one given, CNNLAB_DATA_ROOT, and the cache, which is always the last.

    Raises:
        MissingResourceError: one that is given is not a folder. It is not made: it may be mistyped.
    """
    roots: dict[str, Path] = {}
    for source, given in (("data.root", root), (DATA_ROOT_VARIABLE, os.environ.get(DATA_ROOT_VARIABLE))):
        if not given:
            continue
        path = os.path.expanduser(given)  # unlike pathlib's, it fails on no name
        if not os.path.isdir(path):
            raise MissingResourceError(f"{source}: must be a folder that exists. Received: {str(given)!r}.")
        roots.setdefault(os.path.realpath(path), Path(path))
    cache = cache_folder()
    roots.pop(os.path.realpath(cache), None)
    return (*roots.values(), cache)


def find_files(file_set: FileSet, names: Sequence[str], roots: Sequence[Path]) -> dict[str, Path] | None:
    """Return the paths of the named files, packed or not, in the first folder that has all; else None."""
    wanted = [file for file in file_set.files if file.name in names]
    for root in roots:
        for folder in (*(root / name for name in file_set.folders), root):
            is_checked = folder == root and not file_set.has_own_names
            found = {file.name: _in_folder(folder, file, is_checked=is_checked) for file in wanted}
            paths = {name: path for name, path in found.items() if path is not None}
            if len(paths) == len(wanted):
                return paths
    return None


def obtain_files(file_set: FileSet, names: Sequence[str], places: Places) -> dict[str, Path]:
    """Return the paths of the named files, downloading them into the cache if need be.

    Raises:
        MissingResourceError: they are not on this machine and cannot be, or may not be, downloaded.
    """
    paths = find_files(file_set, names, places.roots)
    if paths is not None:
        return paths
    folder = places.roots[-1] / file_set.folders[0]
    missing = [
        file for file in file_set.files if file.name in names and not os.path.isfile(folder / file.name)
    ]
    if not places.download:
        raise missing_error(file_set, missing, folder, "and downloading is off")
    # requests takes a while to import
    from cnnlab.data.sources.download import DownloadFailedError, download_file

    for position, file in enumerate(missing):
        try:
            download_file(file, folder, warn=places.warn)
        except DownloadFailedError as error:
            why = f"and cannot be downloaded ({error})"
            raise missing_error(file_set, missing[position:], folder, why) from None
    return {name: folder / name for name in names}


def missing_error(
    file_set: FileSet, missing: Sequence[PublishedFile], folder: Path, why: str
) -> MissingResourceError:
    """Say which files to put into which folder."""
    names = ", ".join(file.name for file in missing)
    return MissingResourceError(
        f"{file_set.dataset}: {names} not found on this machine {why}. Put them into {folder}, or name "
        f"a folder that has {file_set.folders[0]}/ with data.root or {DATA_ROOT_VARIABLE}."
    )


def _in_folder(folder: Path, file: PublishedFile, *, is_checked: bool) -> Path | None:
    """Return where the file lies in the folder, as published or unpacked; None if it may not be read."""
    for name, sha256 in (
        (file.name, file.sha256),
        (file.name.removesuffix(".gz"), file.sha256_unpacked),
    ):
        path = folder / name
        if os.path.isfile(path) and (not is_checked or _sha256(path) == sha256):
            return path
    return None


def _sha256(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None
