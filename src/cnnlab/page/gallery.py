"""Test images that the page offers to start from, in one small file beside a network's."""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cnnlab.errors import ExportError

FORMAT = "cnnlab-gallery-1"


@dataclass(frozen=True)
class GalleryImage:
    """One test image.

    Attributes:
        png: encoded.
        index: its place among the test images.
        label: its true class.
        predicted: the class that the run gave it.
        probability: of that.
    """

    png: bytes
    index: int
    label: int
    predicted: int
    probability: float


def gallery_json(images: Sequence[GalleryImage]) -> bytes:
    """Return the file's content."""
    entries = [
        {
            "png": base64.b64encode(image.png).decode(),
            "index": image.index,
            "label": image.label,
            "predicted": image.predicted,
            "probability": round(image.probability, 6),
        }
        for image in images
    ]
    return (json.dumps({"format": FORMAT, "images": entries}) + "\n").encode()


def read_gallery(path: Path) -> bytes:
    """Return the content of such a file, if it is one.

    Raises:
        ExportError: it is damaged.
    """
    try:
        content = path.read_bytes()
        is_whole = json.loads(content)["format"] == FORMAT
    except (OSError, ValueError, KeyError, TypeError):
        is_whole, content = False, b""
    if not is_whole:
        raise ExportError(f"{path}: is damaged. Remove it, or export again with --gallery.")
    return content
