"""From an image file to a tensor; `pictures.decode` does the work."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from cnnlab.pictures import MAX_PIXELS, decode_picture


def decode_image(
    source: Path | str | bytes,
    *,
    channels: int | None = None,
    name: str = "the image",
    max_pixels: int = MAX_PIXELS,
) -> Tensor:
    """Decode an image file, as `pictures.decode_picture` does, which says how; C x H x W, uint8."""
    pixels = decode_picture(source, channels=channels, name=name, max_pixels=max_pixels)
    return torch.from_numpy(np.array(pixels, order="C"))  # a copy: torch wants to own its memory
