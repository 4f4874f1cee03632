"""Pictures that lie in a page, as addresses that hold them: no larger than they are shown."""

import base64
import io
from typing import TYPE_CHECKING

from markupsafe import Markup
from torch import Tensor

from cnnlab.reporting.canvas import Picture

if TYPE_CHECKING:
    from PIL.Image import Image

SHOWN = 102
"""Pixels of a page on a side of a tile; style.css has it in rem."""
DENSITY = 2
"""Pixels of a screen for one of a page, on either side."""
LARGE = 200_000
"""Bytes from which on a drawing is taken to hold photographs or noise, which PNG does not make small."""
QUALITY = 85
POINTS = 96  # pixels of a page in an inch


def image(picture: Picture, is_vector: bool = False, kind: str = "") -> Markup:
    """Return a picture as an element of a page.

    Args:
        picture: what is shown.
        is_vector: whether it holds lines and letters alone.
        kind: a class of style.css.
    """
    if is_vector:
        address = _address("svg+xml", picture.svg)
    else:
        address = (
            _address("png", picture.png) if len(picture.png) < LARGE else _photograph(_opened(picture.png))
        )
    width, height = (round(length * POINTS) for length in picture.size)
    source = Markup('<img class="drawing{}" src="{}" width="{}" height="{}" style="--natural:{}px" alt="{}">')
    return source.format(f" {kind}" if kind else "", address, width, height, width, picture.alt)


def tile(pixels: Tensor) -> str:
    """Return a test image as an address that holds it; small ones keep every pixel.

    Args:
        pixels: C x H x W, uint8.
    """
    from PIL import Image

    values = pixels.permute(1, 2, 0).numpy()
    shown = Image.fromarray(values[:, :, 0] if values.shape[2] == 1 else values)
    if max(shown.size) <= SHOWN:
        return _address("png", _encoded(shown, "PNG", optimize=True))
    shown.thumbnail((DENSITY * SHOWN, DENSITY * SHOWN))
    return _photograph(shown)


def _photograph(shown: "Image") -> str:
    from PIL import features

    shown = shown.convert("RGB")
    if features.check("webp"):
        return _address("webp", _encoded(shown, "WEBP", quality=QUALITY))
    return _address("jpeg", _encoded(shown, "JPEG", quality=QUALITY, optimize=True))


def _opened(content: bytes) -> "Image":
    from PIL import Image

    return Image.open(io.BytesIO(content))


def _encoded(shown: "Image", form: str, **options: int) -> bytes:
    buffer = io.BytesIO()
    shown.save(buffer, form, **options)
    return buffer.getvalue()


def _address(kind: str, content: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
