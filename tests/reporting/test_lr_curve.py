import numpy as np

from cnnlab.reporting.canvas import BLUE, VERMILION
from cnnlab.reporting.lr_curve import lr_curve

LRS = [10.0 ** (place / 10 - 5) for place in range(60)]
LOSSES = [2.3] * 30 + [2.3 - 0.08 * place for place in range(25)] + [3.0, 9.0, 80.0, 1e6, 1e30]


def where(pixels: np.ndarray, colour: str) -> np.ndarray:
    """Return the columns of the picture that hold a colour."""
    wanted = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)])
    found = np.abs(pixels.astype(int) - wanted).max(axis=2) < 3
    return np.flatnonzero(found.sum(axis=0) > 100)


def draw(suggestion: float | None) -> bytes:
    return lr_curve(LRS, LOSSES, LOSSES, suggestion=suggestion, title="lenet5 on mnist")


def test_the_curve_and_the_suggestion_are_drawn(to_pixels):
    pixels = to_pixels(draw(0.01))
    assert pixels.shape == (585, 960, 3)  # 6.4 x 3.9 inches at 150 dpi
    (first, *_), (*_, last) = where(pixels, VERMILION)[:1], where(to_pixels(draw(0.1)), VERMILION)[-1:]
    assert first < last - 50  # a larger rate is further right
    assert len(where(to_pixels(draw(None)), VERMILION)) == 0


def test_an_explosion_does_not_press_the_rest_flat(to_pixels):
    """The fall from 2.3 to 0.4 takes most of the height."""
    pixels = to_pixels(draw(None))
    wanted = np.array([int(BLUE[place : place + 2], 16) for place in (1, 3, 5)])
    rows = np.flatnonzero((np.abs(pixels.astype(int) - wanted).max(axis=2) < 3).any(axis=1))
    assert rows.max() - rows.min() > 250


def test_the_same_sweep_gives_the_same_bytes():
    assert draw(0.01) == draw(0.01)


def test_a_loss_that_never_moved_can_be_drawn(to_pixels):
    to_pixels(lr_curve(LRS, [2.0] * 60, [2.0] * 60, suggestion=None, title="flat"))
