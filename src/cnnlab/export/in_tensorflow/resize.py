"""`cnnlab.pictures.resize` in TensorFlow, for pictures of any size."""

import tensorflow as tf  # pyright: ignore[reportMissingImports, reportMissingModuleSource]

_MOST_PRECISION = 22


def resize_square(pixels, size):
    """Cut the central square out of H x W x C whole numbers, and resize it; size x size x C, int32."""
    height, width = tf.shape(pixels)[0], tf.shape(pixels)[1]
    side = tf.minimum(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = pixels[top : top + side, left : left + side]
    if size == 1:
        mean = tf.reduce_mean(tf.cast(square, tf.float64), [0, 1], keepdims=True)
        return tf.cond(side == 1, lambda: square, lambda: tf.cast(tf.round(mean), tf.int32))
    return resize_bytes(square, size, size)


def resize_bytes(pixels, height, width):
    """Resize H x W x C along rows, then along columns, rounded to bytes after each."""
    rows = tf.cond(tf.shape(pixels)[1] == width, lambda: pixels, lambda: _along_rows(pixels, width))
    return tf.cond(
        tf.shape(pixels)[0] == height,
        lambda: rows,
        lambda: tf.transpose(_along_rows(tf.transpose(rows, [1, 0, 2]), height), [1, 0, 2]),
    )


def resize_floats(values, height, width):
    """Resize H x W float64 without rounding."""
    old_height, old_width = tf.shape(values)[0], tf.shape(values)[1]
    rows = tf.cond(
        old_width == width,
        lambda: values,
        lambda: tf.matmul(values, _weights(old_width, width), transpose_b=True),
    )
    return tf.cond(old_height == height, lambda: rows, lambda: tf.matmul(_weights(old_height, height), rows))


def _along_rows(pixels, length):
    weights = _weights(tf.shape(pixels)[1], length)
    largest, powers = (
        tf.reduce_max(weights),
        tf.constant([2**power for power in range(1, _MOST_PRECISION + 1)]),
    )
    fits = tf.cast(0.5 + largest * tf.cast(powers, tf.float64), tf.int32) < 1 << 15
    precision = tf.reduce_sum(tf.cast(tf.math.cumprod(tf.cast(fits, tf.int32)), tf.int32))
    unit = tf.cast(tf.bitwise.left_shift(1, precision), tf.float64)
    whole = tf.floor(0.5 + weights * unit)
    sums = tf.einsum("ow,hwc->hoc", whole, tf.cast(pixels, tf.float64)) + unit / 2
    return tf.clip_by_value(tf.cast(tf.floor(sums / unit), tf.int32), 0, 255)


def _weights(length, new_length):
    """Return new_length x length, float64: triangles whose sums are 1."""
    length, new_length = tf.cast(length, tf.float64), tf.cast(new_length, tf.float64)
    scale = length / new_length
    support = tf.maximum(scale, 1.0)
    centres = scale * (tf.range(new_length, dtype=tf.float64) + 0.5)
    starts = tf.maximum(tf.floor(centres - support + 0.5), 0.0)  # floor and cut agree from 0 on
    ends = tf.minimum(tf.floor(centres + support + 0.5), length)
    places = tf.range(length, dtype=tf.float64)[None, :]
    offsets = places - starts[:, None]
    distances = tf.abs((offsets + (starts - centres)[:, None] + 0.5) * (1 / support))
    is_inside = (places >= starts[:, None]) & (places < ends[:, None])
    weights = tf.where(is_inside, tf.maximum(1 - distances, 0.0), 0.0)
    return weights / tf.reduce_sum(weights, 1, keepdims=True)
