"""`cnnlab.pictures.digit` in TensorFlow: the digit of a photograph, as the digit sets have theirs."""

import tensorflow as tf  # pyright: ignore[reportMissingImports, reportMissingModuleSource]
from resize import resize_bytes, resize_floats, resize_square  # pyright: ignore[reportMissingImports]

LEAST_CONTRAST = 20.0
_LEAST_EXTENT = 4.0
_WORK_SIZE = 400.0
_ROUNDING = 1e-9


def centre_digit(grey, size):
    """Return size x size, int32, and whether there is a digit; without one the picture is black.

    Args:
        grey: H x W, int32, 0 to 255.
        size: 8 for the form of the small digits, else that of MNIST resized.
    """
    form_size, centre = (8, 3.5) if size == 8 else (28, 14.0)
    black = tf.zeros([form_size, form_size], tf.int32)

    def placed():
        strokes, is_there = _strokes(_reduced(grey))
        return tf.cond(is_there, lambda: _place(strokes, form_size, centre), lambda: black), is_there

    digit, is_there = tf.cond(_has_form(grey, form_size, centre), lambda: (grey, tf.constant(True)), placed)
    return resize_square(digit[:, :, None], size)[:, :, 0], is_there


def _has_form(grey, size, centre):
    def looks_like_it():
        border = tf.sort(tf.concat([grey[0], grey[-1], grey[1:-1, 0], grey[1:-1, -1]], 0))
        is_black_around = border[(tf.size(border) - 1) // 2] == 0
        is_lit = tf.reduce_max(grey) >= 128
        if size == 8:
            return is_black_around & is_lit
        row, col = _centre_of_mass(tf.cast(grey, tf.float64))
        most = 1 + _ROUNDING
        return is_black_around & is_lit & (tf.abs(row - centre) <= most) & (tf.abs(col - centre) <= most)

    return tf.cond(tf.reduce_all(tf.shape(grey) == [size, size]), looks_like_it, lambda: tf.constant(False))


def _reduced(grey):
    shape = tf.cast(tf.shape(grey), tf.float64)
    ratio = _WORK_SIZE / tf.reduce_max(shape)
    new = tf.cast(tf.maximum(tf.round(shape * ratio), 1.0), tf.int32)
    small = tf.cond(ratio < 1, lambda: resize_bytes(grey[:, :, None], new[0], new[1])[:, :, 0], lambda: grey)
    return tf.cast(small, tf.float64)


def _strokes(grey):
    """Return the strokes' bounding box, 0 (paper) to 1 (ink), and whether there are any."""
    residual, noise = _without_lighting(grey)
    floor = tf.maximum(tf.constant(LEAST_CONTRAST, tf.float64), 4 * noise)
    dark = tf.reduce_sum(tf.maximum(-residual - floor, 0.0))
    light = tf.reduce_sum(tf.maximum(residual - floor, 0.0))
    ink = tf.maximum(tf.where(dark > light, -residual, residual), 0.0)
    mask = ink > tf.maximum(_otsu(ink), 2.5 * noise)
    labels = _labelled(mask)
    areas = tf.math.bincount(tf.reshape(labels, [-1]), minlength=tf.size(mask) + 1)[1:]
    largest = tf.cast(tf.reduce_max(areas), tf.float64)
    is_kept = (areas > 0) & (tf.cast(areas, tf.float64) >= 0.1 * largest)
    num_kept = tf.reduce_sum(tf.cast(is_kept, tf.int32))
    kept_area = tf.cast(tf.reduce_sum(tf.where(is_kept, areas, 0)), tf.float64)
    total = tf.cast(tf.reduce_sum(areas), tf.float64)
    contrast = tf.reduce_sum(tf.where(mask, ink, 0.0)) / tf.maximum(total, 1.0)
    stands_out = (total > 0) & (contrast >= floor)
    is_one = (kept_area >= 0.5 * total) & (num_kept <= 5)
    mask = mask & tf.gather(tf.concat([[False], is_kept], 0), labels)
    extent = tf.maximum(_extent(tf.reduce_any(mask, 0)), _extent(tf.reduce_any(mask, 1)))
    longest = tf.cast(tf.reduce_max(tf.shape(mask)), tf.float64)
    is_large = extent >= tf.maximum(0.02 * longest, _LEAST_EXTENT)
    near = _dilated(mask, tf.cast(tf.maximum(tf.round(extent / 20), 1.0), tf.int32))

    def boxed():
        full = _quantile(tf.boolean_mask(ink, mask))
        scaled = tf.clip_by_value((ink - 2 * noise) / (full - 2 * noise), 0.0, 1.0)
        strokes = tf.where(near, scaled, 0.0)
        rows = tf.where(tf.reduce_any(strokes > 0.02, 1))[:, 0]
        cols = tf.where(tf.reduce_any(strokes > 0.02, 0))[:, 0]
        return strokes[rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1]

    is_there = stands_out & is_one & is_large
    return tf.cond(is_there, boxed, lambda: tf.zeros([1, 1], tf.float64)), is_there


def _without_lighting(grey):
    height, width = tf.shape(grey)[0], tf.shape(grey)[1]
    y, x = tf.meshgrid(_from_minus_one(height), _from_minus_one(width), indexing="ij")
    terms = tf.stack([tf.ones_like(x), x, y, x * x, x * y, y * y], -1)
    shortest = tf.cast(tf.minimum(height, width), tf.float64)
    margin = tf.cast(tf.maximum(tf.round(0.05 * shortest), 1.0), tf.int32)
    rows, cols = tf.range(height)[:, None], tf.range(width)[None, :]
    is_inside = (rows >= margin) & (rows < height - margin) & (cols >= margin) & (cols < width - margin)
    samples, levels = tf.boolean_mask(terms, ~is_inside), tf.boolean_mask(grey, ~is_inside)
    surface = tf.concat([[_median(levels)], tf.zeros(5, tf.float64)], 0)
    ridge = 1e-6 * tf.eye(6, dtype=tf.float64)
    for _round in range(5):
        errors = levels - tf.linalg.matvec(samples, surface)
        spread = 1.4826 * _median(tf.abs(errors))
        is_paper = tf.abs(errors) <= tf.maximum(3 * spread, LEAST_CONTRAST)
        chosen, their_levels = tf.boolean_mask(samples, is_paper), tf.boolean_mask(levels, is_paper)
        products = tf.matmul(chosen, chosen, transpose_a=True) + ridge
        surface = tf.linalg.solve(
            products, tf.linalg.matvec(chosen, their_levels, transpose_a=True)[:, None]
        )[:, 0]
    errors = tf.abs(levels - tf.linalg.matvec(samples, surface))
    spread = 1.4826 * _median(errors)
    on_paper = tf.cast(errors <= tf.maximum(3 * spread, LEAST_CONTRAST), tf.float64)
    noise = tf.where(tf.reduce_mean(on_paper) < 0.6, tf.constant(255.0, tf.float64), spread)
    return grey - tf.linalg.matvec(terms, surface), noise


def _otsu(values):
    flat = tf.reshape(values, [-1])
    low, high = tf.reduce_min(flat), tf.reduce_max(flat)
    low, high = tf.where(low == high, low - 0.5, low), tf.where(low == high, high + 0.5, high)
    edges = tf.linspace(low, high, 257)
    bins = tf.minimum(tf.cast((flat - low) / (high - low) * 256, tf.int32), 255)
    # Rounding can put a value beside its bin; NumPy's histogram puts that right in the same way.
    bins = tf.where(flat < tf.gather(edges, bins), bins - 1, bins)
    bins = tf.where((flat >= tf.gather(edges, bins + 1)) & (bins != 255), bins + 1, bins)
    counts = tf.cast(tf.math.bincount(bins, minlength=256, maxlength=256), tf.float64)
    centres = (edges[:-1] + edges[1:]) / 2
    below, sums = tf.cumsum(counts), tf.cumsum(counts * centres)
    above = below[-1] - below
    gap = tf.math.divide_no_nan(sums, below) - tf.math.divide_no_nan(sums[-1] - sums, above)
    between = tf.where((below > 0) & (above > 0), below * above * gap**2, 0.0)
    return edges[1:][tf.argmax(between)]


def _labelled(mask):
    """Return a number above 0 for each piece of a mask, 0 elsewhere; neighbours at corners are connected."""
    numbers = tf.reshape(tf.range(1, tf.size(mask) + 1), tf.shape(mask))
    start = tf.where(mask, numbers, 0)

    def step(labels, _is_changing):
        spread_out = labels
        for _ in range(8):
            spread_out = tf.where(mask, _largest_around(spread_out), 0)
        return spread_out, tf.reduce_any(spread_out != labels)

    return tf.while_loop(lambda _labels, is_changing: is_changing, step, (start, tf.constant(True)))[0]


def _dilated(mask, times):
    """Return a mask grown by so many pixels to all sides, corners too."""
    grown = tf.while_loop(
        lambda index, _mask: index < times,
        lambda index, now: (index + 1, _largest_around(now)),
        (0, tf.cast(mask, tf.int32)),
    )[1]
    return grown > 0


def _largest_around(values):
    """Return the largest of 3 x 3, of H x W whole numbers from 0 on."""
    padded = tf.pad(values, [[1, 1], [1, 1]])
    rows = tf.maximum(tf.maximum(padded[:-2], padded[1:-1]), padded[2:])
    return tf.maximum(tf.maximum(rows[:, :-2], rows[:, 1:-1]), rows[:, 2:])


def _place(strokes, size, centre):
    shape = tf.cast(tf.shape(strokes), tf.float64)
    box = 8.0 if size == 8 else 20.0
    ratio = box / (shape[0] if size == 8 else tf.reduce_max(shape))
    new = tf.maximum(tf.round(shape * ratio), 1.0)
    new = tf.stack([tf.constant(box, tf.float64), tf.minimum(new[1], 6.0)]) if size == 8 else new
    new = tf.cast(new, tf.int32)
    strokes = resize_floats(strokes, new[0], new[1])
    most = tf.reduce_max(strokes) / 2 - _ROUNDING
    strokes = tf.clip_by_value(strokes / _quantile(tf.boolean_mask(strokes, strokes >= most)), 0.0, 1.0)
    before = []
    for side, mass in zip((new[0], new[1]), _centre_of_mass(strokes), strict=True):
        corner = tf.cast(tf.math.ceil(centre - 0.5 - mass - _ROUNDING), tf.int32)
        before.append(tf.minimum(tf.maximum(0, corner), size - side))
    after = [size - new[0] - before[0], size - new[1] - before[1]]
    ink = tf.cast(tf.round(255 * strokes + _ROUNDING), tf.int32)
    return tf.ensure_shape(tf.pad(ink, [[before[0], after[0]], [before[1], after[1]]]), [size, size])


def _centre_of_mass(values):
    total = tf.reduce_sum(values)
    rows = tf.range(tf.shape(values)[0])
    cols = tf.range(tf.shape(values)[1])
    return (
        tf.reduce_sum(tf.reduce_sum(values, 1) * tf.cast(rows, tf.float64)) / total,
        tf.reduce_sum(tf.reduce_sum(values, 0) * tf.cast(cols, tf.float64)) / total,
    )


def _extent(is_there):
    places = tf.where(is_there)[:, 0]
    length = tf.cond(
        tf.size(places) > 0, lambda: places[-1] - places[0] + 1, lambda: tf.constant(0, tf.int64)
    )
    return tf.cast(length, tf.float64)


def _median(values):
    ordered = tf.sort(values)
    count = tf.size(values)
    return (ordered[(count - 1) // 2] + ordered[count // 2]) / 2


def _quantile(values):
    """Return the value that three quarters lie below, between two values as NumPy has it."""
    ordered = tf.sort(values)
    place = 0.75 * tf.cast(tf.size(values) - 1, tf.float64)
    lower = tf.cast(tf.floor(place), tf.int32)
    share = place - tf.floor(place)
    one, other = ordered[lower], ordered[tf.minimum(lower + 1, tf.size(values) - 1)]
    return tf.where(share >= 0.5, other - (other - one) * (1 - share), one + (other - one) * share)


def _from_minus_one(count):
    """Return so many numbers from -1 to 1."""
    step = 2.0 / tf.cast(tf.maximum(count - 1, 1), tf.float64)
    return -1.0 + tf.range(tf.cast(count, tf.float64), dtype=tf.float64) * step
