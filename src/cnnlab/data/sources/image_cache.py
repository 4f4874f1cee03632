"""Decoded images in one file of the cache: read back as a memory map, verified before use.

The file is the images, the labels, a JSON footer, then the footer's length, its sha256 and a magic number.
It is written under a temporary name and renamed, so that a file with the final name is whole.
"""

import contextlib
import hashlib
import json
import mmap
import os
import struct
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from torch import Tensor

_MAGIC = b"cnnlab01"
_BLOCK = 1 << 20
_MAP_NORESERVE = 0x4000  # of Linux; the module `mmap` has no name for it
_TAIL = struct.Struct("<Q32s8s")  # the footer's length and sha256, and the magic number


def write_image_cache(
    path: Path,
    parts: Iterable[tuple[Tensor, Tensor]],
    make_footer: Callable[[tuple[int, ...], Tensor, Iterator[bytes]], dict[str, Any]],
) -> None:
    """Write images as they come, never holding more than one part.

    Args:
        path: the final name; its folder must exist.
        parts: pairs of images (N x C x H x W, uint8) and labels (N, int64).
        make_footer: called once with the shape of all images, all labels, and the bytes of all images and
            all labels, block by block; returns what else to keep.

    Raises:
        OSError: the disk is full or cannot be written to; no file is left.
    """
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w+b") as file:
            labels = [torch.empty(0, dtype=torch.int64)]
            shape: tuple[int, ...] = ()
            for images, part_labels in parts:
                # Plain writes: a full disk is an error here, but would be a crash in a memory map.
                file.write(images.contiguous().numpy().data)
                labels.append(part_labels)
                shape = tuple(images.shape[1:])
            all_labels = torch.cat(labels)
            shape = (len(all_labels), *shape)
            file.write(all_labels.numpy().data)
            # The bytes are read, not mapped: Windows renames no file while a map of it lives.
            footer = {"shape": shape, **make_footer(shape, all_labels, _blocks(file))}
            file.seek(0, os.SEEK_END)
            text = json.dumps(footer).encode()
            file.write(text)
            file.write(_TAIL.pack(len(text), hashlib.sha256(text).digest(), _MAGIC))
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    file.seek(0)
    while block := file.read(_BLOCK):
        yield block


def read_image_cache(path: Path) -> tuple[Tensor, Tensor, dict[str, Any]] | None:
    """Map the images of a file; None if there is none, or if its structure is damaged.

    Returns:
        Images (N x C x H x W, uint8; writing to them changes memory only), labels (N, int64), and the footer.
        That the images themselves are undamaged is for the caller to check, by the fingerprint.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            file.seek(max(0, size - _TAIL.size))
            length, digest, magic = _TAIL.unpack(file.read())
            if magic != _MAGIC or length > size - _TAIL.size:
                return None
            file.seek(size - _TAIL.size - length)
            text = file.read(length)
        if hashlib.sha256(text).digest() != digest:
            return None
        footer = json.loads(text)
        shape = tuple(footer["shape"])
        num_bytes = int(np.prod(shape, dtype=np.int64))
        if num_bytes + 8 * shape[0] + length + _TAIL.size != size:
            return None
        images = _map_images(path, shape)
        labels = np.fromfile(path, dtype=np.int64, count=shape[0], offset=num_bytes)
    except (OSError, struct.error):
        return None
    return images, torch.from_numpy(labels), footer


def _map_images(path: Path, shape: tuple[int, ...]) -> Tensor:
    """Map the images at a file's beginning; copy-on-write, because torch wants memory it may write to."""
    if shape[0] == 0:  # nothing can be mapped of an empty file
        return torch.empty(shape, dtype=torch.uint8)
    if sys.platform != "linux":
        return torch.from_numpy(np.memmap(path, dtype=np.uint8, mode="c", shape=shape))
    # Linux refuses such a map of more than its memory, unless told that hardly any of it will be written to.
    with path.open("rb") as file:
        flags, access = mmap.MAP_PRIVATE | _MAP_NORESERVE, mmap.PROT_READ | mmap.PROT_WRITE
        pages = mmap.mmap(file.fileno(), 0, flags=flags, prot=access)
    num_bytes = int(np.prod(shape, dtype=np.int64))
    return torch.from_numpy(np.frombuffer(pages, dtype=np.uint8, count=num_bytes).reshape(shape))
