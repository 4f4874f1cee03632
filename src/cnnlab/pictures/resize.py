"""Bringing one picture to another size and another number of channels, in NumPy.

The numbers are those of torch's `interpolate(..., mode="bilinear", antialias=True)`, to the bit for bytes, so
that a picture looks the same to a network wherever it is prepared: tests/pictures/test_picture_resize.py.
"""

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
"""A picture: C x H x W, bytes."""

_MOST_PRECISION = 22
"""Binary digits of a weight, as torch has them at most; fewer where the largest would not fit in 16 bits."""

_MOST_KEPT = 4096
"""Pixels of a side whose windows are kept for the next picture; those of longer ones take a megabyte."""

_CACHED = 2**15
"""Sums that are made at once: they stay in the processor's cache."""


def centre_square(pixels: Pixels) -> Pixels:
    """Return the central square of C x H x W, half a pixel up and left of the middle where margins differ."""
    height, width = pixels.shape[1:]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return pixels[:, top : top + side, left : left + side]


def resize_picture(pixels: Pixels, size: int) -> Pixels:
    """Cut the central square and resize it, bilinearly and antialiased.

    Args:
        pixels: C x H x W, uint8.
        size: height and width of the result, in pixels.

    Returns:
        C x size x size, uint8.
    """
    square = centre_square(pixels)
    if square.shape[1] == size:
        return square
    if size == 1:
        return np.rint(square.mean((1, 2), dtype=np.float64, keepdims=True)).astype(np.uint8)
    return resize_bytes(square, (size, size))


def resize_bytes(pixels: Pixels, shape: tuple[int, int]) -> Pixels:
    """Resize C x H x W bytes, bilinearly and antialiased: along rows, then columns, rounded after each."""
    height, width = shape
    rows = pixels if pixels.shape[2] == width else _bytes_along_last(pixels, width)
    if rows.shape[1] == height:
        return rows
    return _bytes_along_last(rows.swapaxes(1, 2), height).swapaxes(1, 2)


def resize_floats(values: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.float64]:
    """Resize H x W numbers likewise, without rounding."""
    for axis, length in ((1, shape[1]), (0, shape[0])):
        if values.shape[axis] != length:
            matrix = _matrix(values.shape[axis], length)
            values = values @ matrix.T if axis == 1 else matrix @ values
    return values


@lru_cache(maxsize=32)  # of pictures that have been reduced before, so that none is large
def _matrix(length: int, new_length: int) -> NDArray[np.float64]:
    """Return what takes numbers to their resized ones, new_length x length."""
    starts, weights = _windows(length, new_length)
    matrix = np.zeros((new_length, length + weights.shape[1]))
    np.put_along_axis(matrix, starts[:, None] + np.arange(weights.shape[1]), weights, axis=1)
    return matrix[:, :length]


def to_channels(pixels: Pixels, channels: int) -> Pixels:
    """Bring C x H x W to grey (1) or colour (3).

    Grey is the luma of ITU-R BT.601, in the integer form that Pillow uses: 0.299 R + 0.587 G + 0.114 B.
    Colour from grey repeats the channel.
    """
    if pixels.shape[0] == channels:
        return pixels
    if channels == 3:
        return np.broadcast_to(pixels, (3, *pixels.shape[1:]))
    red, green, blue = pixels.astype(np.int32)
    return ((19595 * red + 38470 * green + 7471 * blue + 32768) >> 16).astype(np.uint8)[None]


def _bytes_along_last(pixels: Pixels, length: int) -> Pixels:
    """Resize the last axis of C x H x W; weights are whole numbers, and sums are rounded half up."""
    starts, weights = _windows(pixels.shape[2], length)
    largest, precision = weights.max(), 0
    while precision < _MOST_PRECISION and int(0.5 + largest * (1 << (precision + 1))) < 1 << 15:
        precision += 1
    whole = np.floor(0.5 + weights * (1 << precision)).astype(np.int32)  # none is negative
    old = np.ascontiguousarray(pixels.transpose(2, 0, 1)).reshape(pixels.shape[2], -1)  # W x (C H)
    new = np.empty((length, old.shape[1]), dtype=np.uint8)
    places = np.minimum(starts[:, None] + np.arange(weights.shape[1]), len(old) - 1)  # those beyond weigh 0
    step = max(1, _CACHED // length)
    for start in range(0, old.shape[1], step):
        part = old[:, start : start + step]
        sums = np.full((length, part.shape[1]), 1 << (precision - 1), dtype=np.int32)
        product = np.empty_like(sums)
        for tap in range(weights.shape[1]):
            np.multiply(part[places[:, tap]], whole[:, tap, None], out=product)
            sums += product  # at most 255 * 2**22, and a half
        new[:, start : start + step] = np.minimum(sums >> precision, 255)
    return new.reshape(length, *pixels.shape[:2]).transpose(1, 2, 0)


def _windows(length: int, new_length: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return windows, kept where they are small."""
    return (_kept_windows if length <= _MOST_KEPT else _made_windows)(length, new_length)


def _made_windows(length: int, new_length: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return, for each new pixel, where its window begins, and the weights in it, which sum to 1.

    A window is a triangle of at least one pixel to each side of its centre; where the picture becomes
    smaller, of so many that every old pixel counts.
    """
    scale = length / new_length
    support = max(scale, 1.0)
    centres = scale * (np.arange(new_length) + 0.5)
    starts = np.maximum((centres - support + 0.5).astype(np.int64), 0)
    ends = np.minimum((centres + support + 0.5).astype(np.int64), length)
    offsets = np.arange(math.ceil(support) * 2 + 1)
    distances = np.abs((offsets + (starts - centres)[:, None] + 0.5) * (1 / support))
    weights = np.where(offsets < (ends - starts)[:, None], np.clip(1 - distances, 0, None), 0.0)
    return starts, weights / weights.sum(1, keepdims=True)


_kept_windows = lru_cache(maxsize=32)(_made_windows)
