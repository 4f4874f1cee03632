"""Bringing images to another size and to another number of channels."""

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from cnnlab.errors import MissingResourceError
from cnnlab.machine import memory_bytes

_CHUNK = 1024
"""Images resized at once: bounds the memory beside the result."""


def resize_image(image: Tensor, size: int) -> Tensor:
    """Cut the central square and resize it, bilinearly and antialiased.

    The square is cut first: the picture is that of the usual "shorter side, then centre crop" but for the
    pixels at the cut, and a strip of 1 x 50,000 pixels does not grow to gigabytes on the way.

    Args:
        image: C x H x W, uint8.
        size: height and width of the result, in pixels.

    Returns:
        C x size x size, uint8; the image itself where it already has that size.
    """
    return resize_images(image[None], size)[0]


def resize_images(images: Tensor, size: int) -> Tensor:
    """As `resize_image`, for N x C x H x W.

    Raises:
        MissingResourceError: the result needs more memory than this machine has.
    """
    height, width = images.shape[2:]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    images = images[:, :, top : top + side, left : left + side]
    if side == size:
        return images
    needed = images.shape[0] * images.shape[1] * size**2
    if memory_bytes() and needed > memory_bytes():
        # Asked first: a system may grant more memory than it has, and kill whoever uses it.
        raise MissingResourceError(
            f"{len(images):,} images of {size}x{size} pixels take {needed / 1e9:,.1f} GB, and this machine "
            f"has {memory_bytes() / 1e9:,.1f} GB of memory. Choose a smaller data.image_size."
        )
    resized = torch.empty(*images.shape[:2], size, size, dtype=torch.uint8)
    for start in range(0, len(images), _CHUNK):
        part = images[start : start + _CHUNK].contiguous()
        if size == 1:  # torch fails at colour images here
            resized[start : start + _CHUNK] = part.double().mean((2, 3), keepdim=True).round()
            continue
        resized[start : start + _CHUNK] = interpolate(part, (size, size), mode="bilinear", antialias=True)
    return resized


def to_channels(images: Tensor, channels: int) -> Tensor:
    """Bring N x C x H x W uint8 images to grey (1) or colour (3).

    Grey is the luma of ITU-R BT.601, in the integer form that Pillow uses: 0.299 R + 0.587 G + 0.114 B.
    Colour from grey repeats the channel.
    """
    if images.shape[1] == channels:
        return images
    if channels == 3:
        return images.expand(-1, 3, -1, -1).contiguous()
    grey = torch.empty(len(images), 1, *images.shape[2:], dtype=torch.uint8)
    for start in range(0, len(images), _CHUNK):
        red, green, blue = images[start : start + _CHUNK].to(torch.int32).unbind(1)
        luma = (19595 * red + 38470 * green + 7471 * blue + 32768) >> 16
        grey[start : start + _CHUNK, 0] = luma.to(torch.uint8)
    return grey
