"""From files, folders and patterns to a list of image files."""

import glob
import os
from collections.abc import Sequence
from pathlib import Path

from cnnlab.errors import ConfigError, MissingResourceError
from cnnlab.pictures import SUFFIXES


def find_images(sources: Sequence[Path | str]) -> list[Path]:
    """Return the files that sources stand for, in their order, sorted within each; none comes twice.

    Args:
        sources: a file is taken whatever its name; a folder gives the images in it and below; anything
            else is a pattern, in which `**` stands for any folders. Hidden ones are passed over.

    Raises:
        ConfigError: a source is empty.
        MissingResourceError: a source matches no file, or a folder cannot be listed.
    """
    files: dict[Path, None] = {}
    for source in sources:
        if not str(source):  # pathlib would take it for the current folder
            raise ConfigError("FILE: must not be empty; the current folder is called '.'. Received: ''.")
        path = Path(os.path.expanduser(source))  # unlike pathlib's, it fails on no name
        found = _expanded(path)
        if not found:
            what = "no images in this folder" if path.is_dir() else "no such file"
            raise MissingResourceError(f"{source}: {what} (looked for {', '.join(SUFFIXES)} in folders).")
        files.update(dict.fromkeys(found))
    return list(files)


def _expanded(source: Path) -> list[Path]:
    if source.is_dir():
        return _images_below(source)
    if source.exists():
        return [source]
    found = sorted(Path(path) for path in glob.glob(str(source), recursive=True))
    return [file for path in found for file in (_images_below(path) if path.is_dir() else [path])]


def _images_below(folder: Path) -> list[Path]:
    """Return the images in a folder and below, sorted by path; links to folders are not followed."""
    found = []
    for place, folders, names in os.walk(folder, onerror=_refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(place, name) for name in names if _is_image_name(name)]
    return sorted(found)


def _refuse(error: OSError) -> None:
    """A folder that cannot be looked into must not look like an empty one."""
    raise MissingResourceError(
        f"{error.filename}: cannot be listed: {error.strerror}. Make it readable, or name what is wanted."
    )


def _is_image_name(name: str) -> bool:
    return name.lower().endswith(SUFFIXES) and not name.startswith(".")
