"""Bringing a photo or scan of one handwritten digit to the form of the sets that networks were trained on.

MNIST was made so: strokes light on dark, fitted into a box of 20 x 20 pixels with their aspect kept,
antialiased, and moved by whole pixels until their centre of mass is at pixel 14 of 28 x 28 (Y. LeCun,
C. Cortes, C. J. C. Burges, "The MNIST database of handwritten digits"). The 8 x 8 digits fill all 8 rows
instead, and 6 columns at most: nearest neighbours among them know 66 % of MNIST's test digits brought to this
form, and 36 % of those brought to a box of 6 x 6, the proportion of MNIST.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from cnnlab.errors import DataError
from cnnlab.pictures.resize import Pixels, resize_bytes, resize_floats, resize_picture, to_channels

LEAST_CONTRAST = 20
"""Grey levels between paper and strokes below which an image counts as blank."""

_LEAST_EXTENT = 4
"""Pixels that a digit's longer side must have."""

_MOST_KEPT = 64 * 64
"""Pixels of a picture whose terms of the lighting are kept for the next one of its size."""

_WORK_SIZE = 400
"""Pixels to which the longer side of a photo is reduced first: strokes stay many pixels wide."""

_ROUNDING = 1e-9
"""More than sums differ that another library adds up in another order. Grey levels are whole numbers, and
strokes may be symmetric, so that exact halves do occur: they fall the same way everywhere."""


@dataclass(frozen=True)
class _Form:
    """How a set's digits lie.

    Attributes:
        size: of the image.
        box: rows that the strokes fill, or columns if they are wider than high.
        squeezed: columns into which wider strokes are squeezed while filling the rows; None keeps the aspect.
        centre: row and column of the centre of mass.
    """

    size: int
    box: int
    squeezed: int | None
    centre: float


_MNIST_FORM = _Form(size=28, box=20, squeezed=None, centre=14.0)
_DIGITS_FORM = _Form(size=8, box=8, squeezed=6, centre=3.5)


def centre_digit(pixels: Pixels, *, size: int = 28, name: str = "the image") -> Pixels:
    """Find the digit in an image, and centre it as the training images are.

    An image that has the form already is returned as it is. Else the lighting is fitted to the border and
    taken off, dark strokes are made light, specks are dropped, and the strokes are cut out, scaled, centred.

    Args:
        pixels: C x H x W, uint8, C is 1 or 3; dark on light or light on dark.
        size: 28 for networks trained on MNIST, 8 for those trained on `digits`; any other size is the form of
            28 resized, as by `load_data("mnist", image_size=size)`. For networks trained on enlarged `digits`
            use `resize_picture(centre_digit(pixels, size=8), size)`.
        name: what to call the image in messages.

    Returns:
        1 x size x size, uint8, strokes light on black.

    Raises:
        DataError: nothing in the image stands out as strokes: it is blank, or noise.
    """
    grey = to_channels(pixels, 1)[0]
    form = _DIGITS_FORM if size == _DIGITS_FORM.size else _MNIST_FORM
    if _has_form(grey, form):
        placed = grey[None]
    else:
        placed = _place(_strokes(_reduced(grey), name), form)
    return resize_picture(placed, size)


def _has_form(grey: np.ndarray, form: _Form) -> bool:
    """True for an image that looks like one of the set: right size, black around, and, on MNIST, centred."""
    if grey.shape != (form.size, form.size):
        return False
    border = np.concatenate([grey[0], grey[-1], grey[1:-1, 0], grey[1:-1, -1]])
    if np.sort(border)[(len(border) - 1) // 2] > 0 or grey.max() < 128:
        return False
    if form is _DIGITS_FORM:  # these are not centred
        return True
    centre = _centre_of_mass(grey.astype(np.float64))
    return all(abs(place - form.centre) <= 1 + _ROUNDING for place in centre)


def _reduced(grey: np.ndarray) -> np.ndarray:
    """Return the image as float64 grey levels, large ones reduced."""
    height, width = grey.shape
    ratio = _WORK_SIZE / max(height, width)
    if ratio < 1:
        shape = (max(1, round(height * ratio)), max(1, round(width * ratio)))
        grey = resize_bytes(grey[None], shape)[0]
    return grey.astype(np.float64)


def _strokes(grey: np.ndarray, name: str) -> np.ndarray:
    """Separate strokes from paper.

    Args:
        grey: H x W, grey levels.
        name: of the image, for messages.

    Returns:
        The strokes' bounding box, values 0 (paper) to 1 (ink).

    Raises:
        DataError: there are no strokes.
    """
    from scipy import ndimage  # takes a while to import

    residual, noise = _without_lighting(grey)
    floor = max(LEAST_CONTRAST, 4 * noise)
    dark, light = np.clip(-residual - floor, 0, None).sum(), np.clip(residual - floor, 0, None).sum()
    ink = np.clip(-residual if dark > light else residual, 0, None)
    mask = ink > max(_otsu(ink), 2.5 * noise)
    pieces = np.zeros(mask.shape, dtype=np.int32)
    num_pieces = ndimage.label(mask, structure=np.ones((3, 3)), output=pieces)
    areas = np.bincount(pieces.ravel())[1:]
    if not num_pieces or ink[mask].mean() < max(LEAST_CONTRAST, 4 * noise):
        raise DataError(f"{name}: must show a digit, but nothing stands out from the paper.")
    # A digit is one piece, or a few of like size; specks are small.
    is_kept = areas >= 0.1 * areas.max()
    if areas[is_kept].sum() < 0.5 * areas.sum() or is_kept.sum() > 5:
        raise DataError(f"{name}: must show one digit, but what stands out is in {num_pieces} pieces.")
    mask = np.concatenate([[False], is_kept])[pieces]
    # Strokes fade out over a pixel or two where they were antialiased; beyond that the paper is made black.
    extent = max(np.ptp(np.flatnonzero(mask.any(axis))) + 1 for axis in (0, 1))
    if extent < max(_LEAST_EXTENT, 0.02 * max(mask.shape)):
        raise DataError(f"{name}: must show a digit, but there are only specks.")
    near = ndimage.binary_dilation(mask, structure=np.ones((3, 3)), iterations=max(1, round(extent / 20)))
    full = _upper_quartile(ink[mask])
    strokes = np.where(near, np.clip((ink - 2 * noise) / (full - 2 * noise), 0, 1), 0)
    rows, cols = (np.flatnonzero((strokes > 0.02).any(axis)) for axis in (1, 0))
    return strokes[rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1]


def _without_lighting(grey: np.ndarray) -> tuple[np.ndarray, float]:
    """Fit the paper's brightness, a quadratic surface, to the border, and take it off.

    Returns:
        What is left, H x W; and the standard deviation of the paper around the surface, in grey levels: 255
        where the border is no paper, but as much dark as light.
    """
    terms, is_border = (_kept_terms if grey.size <= _MOST_KEPT else _surface_terms)(*grey.shape)
    samples, levels = terms[is_border], grey[is_border]
    surface = np.array([_median(levels), 0, 0, 0, 0, 0])
    is_paper = np.zeros_like(levels, dtype=bool)
    for _round in range(5):  # strokes that touch the border are left out, a little better each time
        errors = np.abs(levels - samples @ surface)
        was_paper, is_paper = is_paper, errors <= max(3 * (1.4826 * _median(errors)), LEAST_CONTRAST)
        if np.array_equal(is_paper, was_paper):
            break  # so would all further rounds
        chosen = samples[is_paper]
        # The ridge matters only to images of a few pixels, which do not determine six numbers.
        surface = np.linalg.solve(chosen.T @ chosen + 1e-6 * np.eye(6), chosen.T @ levels[is_paper])
    errors = np.abs(levels - samples @ surface)
    # A border with as much dark as light is no paper; digits touch the border here and there only.
    spread = 1.4826 * _median(errors)
    is_even = np.mean(errors <= max(3 * spread, LEAST_CONTRAST)) < 0.6
    return grey - terms @ surface, 255.0 if is_even else spread


def _surface_terms(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the terms of a quadratic surface, H x W x 6, and where the image's border is, H x W."""
    y, x = np.mgrid[-1 : 1 : complex(0, height), -1 : 1 : complex(0, width)]
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1)
    margin = max(1, round(0.05 * min(height, width)))
    is_border = np.ones((height, width), dtype=bool)
    is_border[margin : height - margin, margin : width - margin] = False
    return terms, is_border


_kept_terms = lru_cache(maxsize=32)(_surface_terms)


# Of a few numbers NumPy's own take longer than all that is done with them.
def _median(values: np.ndarray) -> float:
    """Return what `np.median` does of finite numbers in one axis."""
    upper = len(values) // 2
    lower = upper - (len(values) % 2 == 0)
    ordered = np.partition(values, (lower, upper))
    return float((ordered[lower] + ordered[upper]) / 2)


def _upper_quartile(values: np.ndarray) -> float:
    """Return what `np.quantile(values, 0.75)` does of finite numbers in one axis, to the bit."""
    lower, quarters = divmod(3 * (len(values) - 1), 4)
    upper = min(lower + 1, len(values) - 1)
    ordered = np.partition(values, (lower, upper))
    low, high, share = float(ordered[lower]), float(ordered[upper]), quarters / 4
    return high - (high - low) * (1 - share) if share >= 0.5 else low + (high - low) * share


def _otsu(values: np.ndarray) -> float:
    """Return the threshold that best separates values into two groups (N. Otsu, IEEE SMC 9(1), 1979)."""
    counts, edges = np.histogram(values, bins=256)
    centres = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)
    sums = np.cumsum(counts * centres)
    above = below[-1] - below
    with np.errstate(divide="ignore", invalid="ignore"):
        gap = sums / below - (sums[-1] - sums) / above
        between = np.nan_to_num(below * above * gap**2)
    return float(edges[1:][between.argmax()])


def _place(strokes: np.ndarray, form: _Form) -> Pixels:
    """Scale strokes to the form's box, and move them by whole pixels to its centre; 1 x H x W, uint8."""
    height, width = strokes.shape
    ratio = form.box / (height if form.squeezed else max(height, width))
    shape = (max(1, round(height * ratio)), max(1, round(width * ratio)))
    if form.squeezed:
        shape = (form.box, min(shape[1], form.squeezed))
    if shape != strokes.shape:
        strokes = resize_floats(strokes, shape)
    # A thin pen fades when it is reduced; in the sets every digit has full ink somewhere.
    full = _upper_quartile(strokes[strokes >= strokes.max() / 2 - _ROUNDING])
    strokes = np.clip(strokes / full, 0, 1)
    placed = np.zeros((form.size, form.size), dtype=np.uint8)
    corner = []
    for side, mass in zip(strokes.shape, _centre_of_mass(strokes), strict=True):
        corner.append(min(max(0, math.ceil(form.centre - 0.5 - mass - _ROUNDING)), form.size - side))
    top, left = corner
    placed[top : top + strokes.shape[0], left : left + strokes.shape[1]] = np.rint(255 * strokes + _ROUNDING)
    return placed[None]


def _centre_of_mass(values: np.ndarray) -> tuple[float, float]:
    """Return the mean row and column, weighted by value."""
    total = values.sum()
    rows, cols = np.arange(values.shape[0]), np.arange(values.shape[1])
    return float(values.sum(1) @ rows / total), float(values.sum(0) @ cols / total)
