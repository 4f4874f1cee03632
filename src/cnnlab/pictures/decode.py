"""From an image file to pixels: few formats, told by content, and refused by size before decoding."""

import contextlib
import io
import logging
import stat
import threading
import warnings
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    ImageOps,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from cnnlab.errors import DataError
from cnnlab.pictures.deadline import BLOCK, TimedFile
from cnnlab.pictures.resize import Pixels, to_channels

MAX_PIXELS = 2**26
"""The largest image that is decoded, 67 million pixels: beyond most cameras, below Pillow's warning."""

MAX_SIDE = 2**16 - 1
"""Its width and height, pixels: what a JPEG can have. Pictures that are longer and thin only cost memory."""

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff")
"""File names that are taken for images when a folder is scanned; the format is told by the content."""

# Pillow knows some 40 more formats; each is a parser that a hostile file could reach. Its classes are called
# directly because `Image.open` warns about large images before their size can be looked at.
_FORMATS = (
    (b"\x89PNG\r\n\x1a\n", "PNG", PngImagePlugin.PngImageFile),
    (b"\xff\xd8\xff", "JPEG", JpegImagePlugin.jpeg_factory),
    (b"RIFF", "WebP", WebPImagePlugin.WebPImageFile),
    (b"BM", "BMP", BmpImagePlugin.BmpImageFile),
    (b"GIF8", "GIF", GifImagePlugin.GifImageFile),
    (b"II*\x00", "TIFF", TiffImagePlugin.TiffImageFile),
    (b"MM\x00*", "TIFF", TiffImagePlugin.TiffImageFile),
)

# What Pillow logs besides raising it would reach standard error where nobody has set up logging.
logging.getLogger("PIL").addHandler(logging.NullHandler())

_GREY_MODES = ("1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "I;16N")
_WHITE = (255, 255, 255, 255)

_STRIP_PIXELS = 2**19
"""Pixels that are converted at once."""


class TooManyPixelsError(DataError):
    """An image that is larger than the caller takes; nothing of it was decoded."""


class _Quiet:
    """Keeps in what Pillow warns about, such as a damaged EXIF block: the image can be decoded all the same.

    Python's filter of warnings belongs to the process, and `warnings.catch_warnings` in several threads would
    put it back in the wrong order: here the first to enter sets it, and the last to leave puts it back.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._num_inside = 0
        self._filter = contextlib.ExitStack()

    def __enter__(self) -> None:
        with self._lock:
            self._num_inside += 1
            if self._num_inside == 1:
                self._filter.enter_context(warnings.catch_warnings())
                warnings.simplefilter("ignore", UserWarning)

    def __exit__(self, *_error: object) -> None:
        with self._lock:
            self._num_inside -= 1
            if self._num_inside == 0:
                self._filter.close()


_QUIET = _Quiet()


def decode_picture(
    source: Path | str | bytes,
    *,
    channels: int | None = None,
    name: str = "the image",
    max_pixels: int = MAX_PIXELS,
    seconds: float | None = None,
) -> Pixels:
    """Decode a PNG, JPEG, WebP, BMP, GIF (first frame) or TIFF (first page).

    Transparent pixels are laid over white, as on paper. 16-bit grey is scaled to 8 bits, not clipped. CMYK
    and palettes become RGB; colour profiles are not applied. EXIF orientation is.

    Args:
        source: a path, or the file's bytes.
        channels: 1 for grey (luma of ITU-R BT.601), 3 for colour; as in the file if not given.
        name: what to call it in messages if `source` is bytes.
        max_pixels: larger images are refused from their header, before anything is decoded.
        seconds: after which decoding is given up, if `source` is bytes. It is looked at whenever the decoder
            goes on reading; what it does in between is bounded by `max_pixels`.

    Returns:
        C x H x W, uint8, C is 1 or 3.

    Raises:
        DataError: it is none of these formats, damaged, larger than `max_pixels` or `MAX_SIDE`, or cannot be
            read; the message names it.
    """
    if not isinstance(source, bytes):
        name = str(source)
    with _QUIET, _open(source, name, seconds) as file, _open_header(file, name, max_pixels) as image:
        if seconds is not None:
            image.decodermaxblock = BLOCK
        return pixels_of(image, channels=channels, name=name)


def pixels_of(image: Image.Image, *, channels: int | None = None, name: str = "the image") -> Pixels:
    """Return the pixels of an image that Pillow has opened; as `decode_picture`, which says how."""
    try:
        return _pixels(image, channels)
    except Exception as error:  # Pillow's decoders raise whatever their parsing runs into
        raise DataError(f"{name}: cannot be decoded: {_reason(error)}.") from None


def is_grey_file(path: Path) -> bool:
    """True if the file's header says grey, of any depth; decodes nothing.

    Raises:
        DataError: as `decode_picture`, as far as the header shows it.
    """
    with _QUIET, _open(path, str(path)) as file, _open_header(file, str(path), MAX_PIXELS) as image:
        return image.mode in _GREY_MODES


def _open(source: Path | str | bytes, name: str, seconds: float | None = None) -> BinaryIO:
    if isinstance(source, bytes):
        return io.BytesIO(source) if seconds is None else TimedFile(source, seconds)
    path = Path(source)
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # reading a pipe would wait for ever
            raise DataError(f"{name}: must be a file.")
        return path.open("rb")
    except (OSError, ValueError) as error:  # a name with a null byte is a ValueError
        if isinstance(error, DataError):
            raise
        raise DataError(f"{name}: cannot be read: {getattr(error, 'strerror', None) or error}.") from None


def _open_header(file: BinaryIO, name: str, max_pixels: int) -> ImageFile.ImageFile:
    """Read the header only, and refuse what is too large."""
    start = file.read(12)
    file.seek(0)
    known = [entry for entry in _FORMATS if start.startswith(entry[0])]
    if not known or (known[0][1] == "WebP" and not start.endswith(b"WEBP")):
        raise DataError(f"{name}: must be a PNG, JPEG, WebP, BMP, GIF or TIFF image.")
    _magic, format_name, reader = known[0]
    try:
        image = reader(file, "")
    except Exception as error:  # as in pixels_of
        raise DataError(f"{name}: is damaged: its {format_name} header: {_reason(error)}.") from None
    width, height = image.size
    if width * height > max_pixels:
        raise TooManyPixelsError(
            f"{name}: must have at most {max_pixels / 1e6:.0f} million pixels. Received: {width} x {height}."
        )
    if max(width, height) > MAX_SIDE:
        raise DataError(
            f"{name}: must be at most {MAX_SIDE:,} pixels wide and high. Received: {width} x {height}."
        )
    return image


def _pixels(image: Image.Image, channels: int | None) -> Pixels:
    """Decode, and convert strip by strip: what lies in between takes many bytes a pixel; C x H x W."""
    image.load()
    image = ImageOps.exif_transpose(image) if _has_orientation(image) else image
    if image.mode == "I":  # of 16 bits all levels are in the range, and Pillow counts not all such modes
        least, largest = (int(level) for level in image.getextrema())  # pyright: ignore[reportArgumentType]
        if least < 0 or largest > 65535:
            raise ValueError(f"grey levels must be 0 to 65535, received {least} to {largest}")
    if image.mode == "F":
        raise ValueError("grey levels that are not whole numbers have no agreed range")
    width, height = image.size
    step = max(1, _STRIP_PIXELS // width)
    first = _strip(image, 0, min(step, height), channels)
    if step >= height:
        return first
    pixels = np.empty((first.shape[0], height, width), dtype=np.uint8)
    pixels[:, :step] = first
    for top in range(step, height, step):
        pixels[:, top : top + step] = _strip(image, top, min(top + step, height), channels)
    return pixels


def _strip(image: Image.Image, top: int, bottom: int, channels: int | None) -> Pixels:
    """Return some rows of a decoded image, C x h x W."""
    whole = bottom - top == image.height
    strip = image if whole else image.crop((0, top, image.width, bottom))
    is_grey = image.mode in _GREY_MODES
    if image.mode.startswith("I"):
        levels = np.asarray(strip).astype(np.int64)
        pixels = ((levels + 128) // 257).astype(np.uint8)  # 65535 / 257 = 255: round to the nearest
    else:
        if strip.has_transparency_data:
            colour = strip.convert("RGBA")
            strip = Image.alpha_composite(Image.new("RGBA", colour.size, _WHITE), colour)
        pixels = np.asarray(strip.convert("L" if is_grey and strip.mode in ("1", "L") else "RGB"))
        pixels = pixels[:, :, 0] if is_grey and pixels.ndim == 3 else pixels
    picture = pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
    return picture if channels is None else to_channels(picture, channels)


def _has_orientation(image: Image.Image) -> bool:
    """True if the image is stored turned; a damaged EXIF block costs the turn, not the image."""
    try:
        return image.getexif().get(0x0112, 1) in range(2, 9)
    except Exception:  # as in pixels_of
        return False


def _reason(error: Exception) -> str:
    """Return an error's text as the end of one line."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
