import numpy as np
import pytest
import torch

from cnnlab.reporting import FONT_REMEDY, chinese_font
from cnnlab.reporting.answers import sample_predictions, shown_prob
from cnnlab.reporting.canvas import drawable_names

ORANGE_RED = (0xD5, 0x5E, 0x00)


def num_frames(pixels):
    """Return the most frames of mistakes in one row of images: their upper edges, 190 pixels or longer."""
    is_frame = (np.abs(pixels.astype(int) - ORANGE_RED).max(axis=2) < 3).astype(int)
    edges = np.diff(is_frame, axis=1, prepend=0, append=0)
    lengths = [np.flatnonzero(row == -1) - np.flatnonzero(row == 1) for row in edges]
    return max((length >= 190).sum() for length in lengths)


def draw(data, **changes):
    return sample_predictions(
        **{"images": data.images, "labels": data.labels, "probs": data.probs, **changes}
    )


def test_right_ones_and_mistakes_are_drawn(test_images, to_pixels):
    names = test_images.class_names
    pixels = to_pixels(draw(test_images, class_names=names))
    # 12 right ones in two rows, 5 mistakes in one; 9 inches wide.
    assert pixels.shape[1] == 1350 and pixels.shape[0] == pytest.approx(
        150 * (0.4 + 2 * 0.4 + 3 * 2.05), abs=1
    )
    assert num_frames(pixels) == 5


def test_no_mistakes_no_frames(test_images, to_pixels):
    labels = test_images.probs.argmax(1)
    pixels = to_pixels(draw(test_images, labels=labels, class_names=test_images.class_names))
    assert num_frames(pixels) == 0


def test_no_right_ones(test_images, to_pixels):
    labels = (test_images.probs.argmax(1) + 1) % 4
    pixels = to_pixels(draw(test_images, labels=labels, class_names=test_images.class_names))
    assert num_frames(pixels) == 6


def test_an_image_is_drawn_as_it_is(test_images, to_pixels):
    images = torch.zeros(40, 3, 1, 1, dtype=torch.uint8)
    images[:, 1] = 200
    pixels = to_pixels(draw(test_images, images=images, class_names=test_images.class_names))
    assert ((pixels == (0, 200, 0)).all(axis=2)).sum() > 17 * 190 * 190  # 17 images of 195 x 195 pixels


def test_grey_is_drawn_from_black_to_white(test_images, to_pixels):
    images = torch.full((40, 1, 8, 8), 100, dtype=torch.uint8)  # neither the darkest nor the lightest
    pixels = to_pixels(draw(test_images, images=images, class_names=test_images.class_names))
    assert ((pixels == 100).all(axis=2)).sum() > 17 * 190 * 190


def test_names_are_drawn_without_warnings(test_images):
    names = ("$x_{1}^", "狗", "a very long name of a class of things", "line\nbreak")
    png = draw(test_images, class_names=names, title="猫 $5")
    assert png == draw(test_images, class_names=names, title="猫 $5")


def test_names_that_the_fonts_lack_keep_apart(monkeypatch):
    monkeypatch.setattr("cnnlab.reporting.canvas.chinese_font", lambda: None)
    assert drawable_names(["猫", "naïve", "狗", "дом", "a\tb"]) == [
        "class 0",
        "naïve",
        "class 2",
        "дом",
        "class 4",
    ]


def test_chinese_names_are_drawn_where_a_font_has_their_letters(test_images):
    if chinese_font() is None:
        pytest.skip(f"no font with Chinese letters here. {FONT_REMEDY}")
    assert drawable_names(["猫", "ant", "\u0378"]) == ["猫", "ant", "class 2"]
    names = ("猫", "狗", "ant", "bee")
    assert draw(test_images, class_names=names) != draw(test_images, class_names=("cat", "dog", "ant", "bee"))


@pytest.mark.parametrize(
    ("prob", "digits", "shown"),
    [
        (0.5, 1, "50.0%"),
        (0.99949, 1, "99.9%"),
        (0.9995, 1, "> 99.9%"),
        (1.0, 1, "> 99.9%"),
        (0.9995, 2, "99.95%"),
        (0.99996, 2, "> 99.99%"),
    ],
)
def test_nothing_is_called_certain(prob, digits, shown):
    assert shown_prob(prob, digits=digits) == shown
