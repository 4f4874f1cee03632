"""Pictures prepared by TensorFlow as `cnnlab.pictures` prepares them, function by function.

Whole numbers are exact in float64, so that resizing gives the same bytes.
"""

import tensorflow as tf  # pyright: ignore[reportMissingImports, reportMissingModuleSource]
from digit import centre_digit  # pyright: ignore[reportMissingImports]
from resize import resize_square  # pyright: ignore[reportMissingImports]


def prepared(content, preprocessing, in_channels):
    """Return pixels, S x S x in_channels, uint8, of a file's bytes; and whether there is something to see.

    Args:
        content: of a PNG, JPEG, GIF or BMP file.
        preprocessing: of the network's description.
        in_channels: 1 or 3.
    """
    size, digit_size = preprocessing["image_size"], preprocessing["digit_size"]
    pixels = decoded(content)
    if digit_size is None:
        square = resize_square(grey(pixels) if in_channels == 1 else pixels, size)
        return tf.ensure_shape(square, [size, size, in_channels]), tf.constant(True)
    digit, is_there = centre_digit(grey(pixels)[:, :, 0], digit_size)
    square = resize_square(digit[:, :, None], size)
    return tf.ensure_shape(tf.tile(square, [1, 1, in_channels]), [size, size, in_channels]), is_there


def decoded(content):
    """Return pixels, H x W x 3, int32, of a file's bytes; what is transparent is laid over white."""
    is_png = tf.strings.substr(content, 0, 4) == b"\x89PNG"
    is_jpeg = tf.strings.substr(content, 0, 3) == b"\xff\xd8\xff"
    return tf.case(
        [(is_png, lambda: _png(content)), (is_jpeg, lambda: _jpeg(content))],
        default=lambda: tf.cast(tf.io.decode_image(content, 3, expand_animations=False), tf.int32),
    )


def grey(pixels):
    """Return H x W x 1, the luma of ITU-R BT.601 in whole numbers."""
    luma = tf.reduce_sum(pixels * tf.constant([19595, 38470, 7471]), 2, keepdims=True) + 32768
    return tf.bitwise.right_shift(luma, 16)


def _jpeg(content):
    return tf.cast(tf.io.decode_jpeg(content, 3, dct_method="INTEGER_ACCURATE"), tf.int32)


def _png(content):
    levels = tf.cast(tf.io.decode_png(content, 0, dtype=tf.uint16), tf.int32)  # 8 bits come out times 257
    channels = tf.shape(levels)[2]
    # Grey is rounded to 8 bits, colour is cut: as Pillow and cnnlab do.
    bits8 = tf.where(channels == 1, (levels + 128) // 257, tf.bitwise.right_shift(levels, 8))
    colour = tf.cond(channels >= 3, lambda: bits8[:, :, :3], lambda: tf.tile(bits8[:, :, :1], [1, 1, 3]))
    has_alpha = (channels == 2) | (channels == 4)
    return tf.cond(has_alpha, lambda: _over_white(colour, bits8[:, :, -1:]), lambda: colour)


def _over_white(colour, alpha):
    """Return what Pillow's `alpha_composite` makes of it, which rounds so."""
    blended = (colour * alpha + 255 * (255 - alpha)) * 128 + (0x80 << 7)
    shifted = tf.bitwise.right_shift(tf.bitwise.right_shift(blended, 8) + blended, 8)
    return tf.bitwise.right_shift(shifted, 7)
