"""Fetching a published file: from any mirror, going on where an attempt broke off, verified by sha256.

pooch verifies and names the finished file; what it cannot do, and this module does, is to keep `NAME.part`
across attempts and mirrors. A file whose sha256 is wrong never gets its final name.
"""

import errno
import hashlib
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pooch
import requests
import urllib3

from cnnlab.data.sources.published import PublishedFile
from cnnlab.errors import MissingResourceError
from cnnlab.locks import alone_in

CONNECT_SECONDS = 10
READ_SECONDS = 30
_CHUNK = 1 << 16

pooch.get_logger().setLevel("WARNING")  # our own lines say what is downloaded


class DownloadFailedError(Exception):
    """No mirror gave the file; the text is a short reason, to be put into a message for the user."""


class _MirrorError(Exception):
    """One mirror did not give the file; the text says why."""


def download_file(file: PublishedFile, folder: Path, *, warn: Callable[[str], None]) -> None:
    """Bring a file into a folder, which is made if need be.

    Args:
        file: what to fetch.
        folder: where it goes, under its own name.
        warn: takes one line about each attempt and about content that was thrown away.

    Raises:
        DownloadFailedError: no mirror gave it; what has arrived stays in `NAME.part` for the next time.
        MissingResourceError: the disk is full, or the folder cannot be written to.
    """
    part = folder / f"{file.name}.part"
    downloader = partial(_download_to, file=file, part=part, warn=warn)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with alone_in(folder, ".download.lock"):  # two processes must not append to one part
            if (folder / file.name).is_file():  # another process was faster
                return
            pooch.retrieve(
                file.mirrors[0],
                known_hash=f"sha256:{file.sha256}",
                fname=file.name,
                path=folder,
                downloader=downloader,  # pyright: ignore[reportArgumentType]: pooch's type is not what it calls
            )
    except OSError as error:
        raise MissingResourceError(_disk_message(error, file, folder)) from None


def _download_to(
    url: str,
    output: str,
    _pooch: object,
    *,
    file: PublishedFile,
    part: Path,
    warn: Callable[[str], None],
) -> None:
    """Fill `part` until its sha256 is right, then move it to `output`; called as pooch calls downloaders."""
    failures: dict[str, str] = {}
    for mirrors in (list(file.mirrors), list(reversed(file.mirrors))):
        has_grown = True
        while has_grown and mirrors:
            has_grown = False
            for url in list(mirrors):
                start = _size(part)
                try:
                    _append(url, part, file.size, warn=warn)
                except _MirrorError as error:
                    failures[_host(url)] = str(error)
                has_grown |= _size(part) > start
                if _size(part) < file.size:
                    continue
                if _sha256(part) == file.sha256:
                    os.replace(part, output)
                    return
                # What this mirror added is wrong, or what was there before it: the others are asked first.
                warn(f"{part.name}: has the wrong sha256; what came from {url} was thrown away.")
                os.truncate(part, min(start, file.size - 1))
                failures[_host(url)] = "wrong content"
                mirrors.remove(url)
        if mirrors or not _size(part):  # no connection, or nothing to blame on the part
            break
        warn(f"{part.name}: no mirror completes it to the right sha256, so it was thrown away.")
        part.unlink()
    raise DownloadFailedError("; ".join(f"{host}: {why}" for host, why in failures.items()))


def _append(url: str, part: Path, size: int, *, warn: Callable[[str], None]) -> None:
    """Append to `part` what it lacks, asking for that range only.

    Raises:
        _MirrorError: the mirror cannot be reached, breaks off, or serves a file of another size.
        OSError: the disk is full or cannot be written to.
    """
    start = _size(part)
    if start >= size:
        return
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
    timeout = (CONNECT_SECONDS, READ_SECONDS)
    try:
        with requests.get(url, headers=headers, stream=True, timeout=timeout) as response:
            skip = _check_response(response, start, size)
            name = part.name.removesuffix(".part")
            going_on = f", going on at {start / 1e6:.1f} MB" if start else ""
            warn(f"downloading {name} ({size / 1e6:.1f} MB) from {_host(url)}{going_on}")
            # The raw stream: servers label .gz files as gzip-encoded; they must not be unpacked on the way.
            _write(response.raw.stream(_CHUNK, decode_content=False), part, size, skip=skip)
    except requests.Timeout:
        raise _MirrorError(f"no answer within {READ_SECONDS} s") from None
    except requests.ConnectionError:
        raise _MirrorError("no connection") from None
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        raise _MirrorError(f"the transfer broke off ({type(error).__name__})") from None
    if _size(part) < size:
        raise _MirrorError("the transfer ended early")


def _check_response(response: requests.Response, start: int, size: int) -> int:
    """Return how many bytes to skip; refuse an answer about another file before it can spoil a good part."""
    status, headers = response.status_code, response.headers
    if status == 206 and start:
        if headers.get("Content-Range", "").strip() != f"bytes {start}-{size - 1}/{size}":
            raise _MirrorError("serves a file of another size")
        return 0
    if status != 200:
        raise _MirrorError(f"HTTP {status}")
    if headers.get("Content-Length", str(size)) != str(size):
        raise _MirrorError("serves a file of another size")
    return start  # the server knows no ranges and sends all: what we have already is passed over


def _write(chunks: Iterator[bytes], part: Path, size: int, *, skip: int) -> None:
    """Append to `part`, at most up to `size`; bytes that arrived before a failure are kept."""
    with part.open("ab") as file:
        for chunk in chunks:
            wanted = chunk[skip:]
            skip = max(0, skip - len(chunk))
            room = size - file.tell()
            file.write(wanted[:room])
            if len(wanted) > room:
                return


def _disk_message(error: OSError, file: PublishedFile, folder: Path) -> str:
    """Say what the disk refused; a full disk loses nothing that had arrived."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return (
            f"{folder}: the disk is full: {file.name} needs {file.size / 1e6:.1f} MB. "
            f"Free some space and run again; what has arrived is kept."
        )
    reason = error.strerror or error
    return f"{folder}: {file.name} cannot be written there: {reason}. Set CNNLAB_CACHE to another folder."


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _host(url: str) -> str:
    return urlsplit(url).netloc
