"""`synthetic:CxHxWxN`: random pixels and labels, for measuring speed; there is nothing in them to learn."""

import re

import numpy as np
import torch
from torch import Tensor

from cnnlab.data.splits import seeded_keys
from cnnlab.errors import ConfigError

PREFIX = "synthetic:"
CLASS_NAMES = tuple(str(label) for label in range(10))

_SHAPE = re.compile(r"([13])x([1-9]\d*)x([1-9]\d*)x([1-9]\d*)")


def parse_shape(name: str) -> tuple[int, int, int, int]:
    """Return channels, height, width and number of images of a name such as `synthetic:3x32x32x50000`.

    Raises:
        ConfigError: the name is not of that form.
    """
    match = _SHAPE.fullmatch(name.removeprefix(PREFIX))
    if not match:
        raise ConfigError(
            f"data.name: synthetic images are named synthetic:CxHxWxN with C 1 or 3, "
            f"such as synthetic:3x32x32x50000. Received: {name!r}."
        )
    channels, height, width, num_images = (int(group) for group in match.groups())
    return channels, height, width, num_images


def read_synthetic(name: str, part: str) -> tuple[Tensor, Tensor]:
    """Return uint8 images N x C x H x W and int64 labels; `test` has a tenth as many images, at least 10."""
    channels, height, width, num_images = parse_shape(name)
    if part == "test":
        num_images = max(10, num_images // 10)
    num_bytes = num_images * channels * height * width
    words = seeded_keys(-(-num_bytes // 8) + num_images, seed=0, purpose=f"synthetic {part}")
    pixels = words[num_images:].astype("<u8", copy=False).view(np.uint8)[:num_bytes]
    labels = (words[:num_images] % len(CLASS_NAMES)).astype(np.int64)
    return torch.from_numpy(pixels).view(num_images, channels, height, width), torch.from_numpy(labels)
