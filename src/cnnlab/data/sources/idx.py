"""The IDX format of MNIST and Fashion-MNIST: a big-endian header, then unsigned bytes.

Source: Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database of handwritten digits", section "File
formats".
"""

import struct
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from cnnlab.data.sources.unpack import PackedFile
from cnnlab.errors import DataError

_UNSIGNED_BYTE = 0x08


def read_idx_images(path: Path, *, size: int) -> Tensor:
    """Read an `idx3-ubyte` file, gzipped or not.

    Args:
        path: the file.
        size: the height and width that its images must have.

    Returns:
        N x 1 x size x size, uint8.

    Raises:
        DataError: the header is not that of such images, or the length does not fit the header.
    """
    images = _read_idx(path, num_axes=3)
    if images.shape[1:] != (size, size):
        found = "x".join(str(side) for side in images.shape[1:])
        raise DataError(f"{path}: images must be {size}x{size} pixels. Received: {found}.")
    return torch.from_numpy(images)[:, None]


def read_idx_labels(path: Path, *, num_classes: int) -> Tensor:
    """Read an `idx1-ubyte` file, gzipped or not.

    Returns:
        N, int64, each below `num_classes`.

    Raises:
        DataError: the header is not that of labels, the length does not fit it, or a label is out of range.
    """
    labels = _read_idx(path, num_axes=1)
    if labels.max() >= num_classes:
        place = int(np.argmax(labels >= num_classes))
        raise DataError(
            f"{path}: labels must be 0 to {num_classes - 1}. Received: {labels[place]} for image {place}."
        )
    return torch.from_numpy(labels).long()


def _read_idx(path: Path, *, num_axes: int) -> np.ndarray:
    """Check header and length, and return the values in the shape that the header gives."""
    file = PackedFile(path)
    header_size = 4 + 4 * num_axes
    header = file.head(header_size)
    if len(header) < header_size:
        raise DataError(f"{path}: ends within the IDX header ({len(header)} of {header_size} bytes).")
    magic, *shape = struct.unpack(f">{1 + num_axes}I", header)
    if magic != _UNSIGNED_BYTE << 8 | num_axes:
        kind = "images" if num_axes == 3 else "labels"
        wanted = f"0x{_UNSIGNED_BYTE << 8 | num_axes:08x}"
        raise DataError(
            f"{path}: is not an IDX file of {kind}: it must begin with {wanted}. Received: 0x{magic:08x}."
        )
    num_values = 1
    for side in shape:
        num_values *= side
    if num_values == 0:
        raise DataError(f"{path}: holds no images: its header says {' x '.join(map(str, shape))}.")
    content = file.read(
        header_size + num_values, reason=f"the header says {' x '.join(map(str, shape))} values"
    )
    # bytearray: torch wants memory that it may write to
    return np.frombuffer(bytearray(content), dtype=np.uint8, offset=header_size).reshape(shape)
