"""Single pictures, in NumPy: decoding, resizing, centring digits, preparing them for a network."""

from cnnlab.pictures.decode import (
    MAX_PIXELS,
    SUFFIXES,
    TooManyPixelsError,
    decode_picture,
    is_grey_file,
    pixels_of,
)
from cnnlab.pictures.digit import LEAST_CONTRAST, centre_digit
from cnnlab.pictures.prepare import Preparation
from cnnlab.pictures.resize import Pixels, resize_picture, to_channels

__all__ = [
    "LEAST_CONTRAST",
    "MAX_PIXELS",
    "SUFFIXES",
    "Pixels",
    "Preparation",
    "TooManyPixelsError",
    "centre_digit",
    "decode_picture",
    "is_grey_file",
    "pixels_of",
    "resize_picture",
    "to_channels",
]
