"""`synthetic:CxHxWxN`: random pixels and labels, for measuring speed; there is nothing in them to learn."""

import re

import numpy as np
import torch
from torch import Tensor

from cnnlab.data.splits import seeded_keys
from cnnlab.errors import ConfigError
from cnnlab.machine import memory_bytes

PREFIX = "synthetic:"
CLASS_NAMES = tuple(str(label) for label in range(10))

# At most 18 digits: Python refuses to read numbers of more than 4300, with an error of its own.
_NUMBER = "([1-9][0-9]{0,17})"
_SHAPE = re.compile(f"([13])x{_NUMBER}x{_NUMBER}x{_NUMBER}")
_MEMORY_SHARE = 2
"""At most one part in so many of the memory is taken: cutting validation off makes a second copy."""


def parse_shape(name: str) -> tuple[int, int, int, int]:
    """Return channels, height, width and number of images of a name such as `synthetic:3x32x32x50000`.

    Raises:
        ConfigError: the name is not of that form, the images are not square, or the memory cannot hold them.
    """
    match = _SHAPE.fullmatch(name.removeprefix(PREFIX))
    if not match:
        raise ConfigError(
            f"data.name: synthetic images are named synthetic:CxHxWxN with C 1 or 3, "
            f"such as synthetic:3x32x32x50000. Received: {name!r}."
        )
    channels, height, width, num_images = (int(group) for group in match.groups())
    if height != width:
        raise ConfigError(
            f"data.name: synthetic images must be square, such as "
            f"synthetic:{channels}x{height}x{height}x{num_images}. Received: {name!r}."
        )
    needed, available = num_images * (channels * height * width + 8), memory_bytes() // _MEMORY_SHARE
    if memory_bytes() and needed > available:
        raise ConfigError(
            f"data.name: needs {needed} bytes, and {available} bytes (half of the memory) are available; "
            f"ask for fewer or smaller images. Received: {name!r}."
        )
    return channels, height, width, num_images


def read_synthetic(name: str, part: str) -> tuple[Tensor, Tensor]:
    """Return uint8 images N x C x H x W and int64 labels; `test` has a tenth as many images, at least 10.

    Raises:
        ConfigError: as `parse_shape`.
    """
    channels, height, width, num_images = parse_shape(name)
    if part == "test":
        num_images = max(10, num_images // 10)
    num_bytes = num_images * channels * height * width
    try:
        words = seeded_keys(-(-num_bytes // 8) + num_images, seed=0, purpose=f"synthetic {part}")
    except (
        MemoryError,
        OverflowError,
        ValueError,
    ):  # numpy, on more than there is or can be
        raise ConfigError(
            f"data.name: needs {num_bytes} bytes, which the memory does not have; "
            f"ask for fewer or smaller images. Received: {name!r}."
        ) from None
    pixels = words[num_images:].astype("<u8", copy=False).view(np.uint8)[:num_bytes]
    labels = (words[:num_images] % len(CLASS_NAMES)).astype(np.int64)
    return torch.from_numpy(pixels).view(num_images, channels, height, width), torch.from_numpy(labels)
