"""A picture is prepared in the browser as `cnnlab predict` prepares it: to the byte."""

import base64

import numpy as np
import pytest
from PIL import Image, ImageDraw

from cnnlab.data import load_data
from cnnlab.errors import DataError
from cnnlab.pictures import Preparation

RNG = np.random.default_rng(0)
PREPARE = """
async ([picture, description]) => {
  const { prepared, window, inputs } = await import("/page/prepare.js");
  const data = Uint8Array.from(atob(picture.data), (letter) => letter.charCodeAt(0));
  try {
    const seen = prepared({ ...picture, data }, description);
    return [[...seen.data], [...inputs(window(seen, description), description)]];
  } catch (error) {
    return error.key;
  }
}
"""
GREY = {"in_channels": 1, "mean": (0.1307,), "std": (0.3081,)}
COLOUR = {"in_channels": 3, "mean": (0.49, 0.48, 0.44), "std": (0.25, 0.24, 0.26)}
PREPARATIONS = (
    Preparation(**GREY, image_size=28, crop_size=28, digit_size=28),
    Preparation(**GREY, image_size=32, crop_size=32, digit_size=32),
    Preparation(**GREY, image_size=8, crop_size=8, digit_size=8),
    Preparation(**COLOUR, image_size=40, crop_size=32, digit_size=28),
    Preparation(**COLOUR, image_size=32, crop_size=32, digit_size=None),
    Preparation(**GREY, image_size=40, crop_size=28, digit_size=None),
)


def photographs():
    """Pictures of digits on unevenly lit, noisy paper, of many shapes."""
    digits = load_data("digits", splits=["test"])["test"].images.numpy()
    for index, (height, width) in enumerate(
        [(280, 280), (90, 61), (500, 333), (61, 410), (8, 8), (120, 100)]
    ):
        ink = Image.fromarray((digits[index, 0] * (255 // max(1, digits[index, 0].max()))).astype(np.uint8))
        ink = np.asarray(ink.resize((width, height), Image.Resampling.BICUBIC)).astype(float)
        y, x = np.mgrid[0 : 1 : complex(0, height), 0 : 1 : complex(0, width)]
        paper = 230 - 60 * x - 20 * y * y + RNG.normal(0, index, ink.shape)
        grey = np.clip(paper - 0.7 * ink, 0, 255)
        yield np.stack([grey, 0.9 * grey, grey]).astype(np.uint8)


def drawings():
    for width in (8, 30):
        image = Image.new("L", (280, 280), 255)
        ImageDraw.Draw(image).line([(70, 60), (205, 60), (120, 240)], fill=0, width=width)
        yield np.stack([np.asarray(image)] * 3)


def blanks():
    yield np.full((3, 100, 140), 255, dtype=np.uint8)
    yield RNG.integers(0, 256, (3, 60, 50), dtype=np.uint8)


REFUSED = {photographs: 8, drawings: 0, blanks: 8}
"""How often no digit is found: on all blanks, in a picture of 8 x 8, and in one that is mostly noise."""


@pytest.fixture(scope="module")
def page(browser, answering):
    context = browser.new_context()
    opened = context.new_page()
    opened.goto(answering)
    yield opened
    context.close()


@pytest.mark.parametrize("pictures", [drawings, blanks, pytest.param(photographs, marks=pytest.mark.slow)])
def test_the_browser_prepares_pictures_to_the_same_bytes(page, pictures):
    num_refused = 0
    for picture in pictures():
        channels, height, width = picture.shape
        given = {"channels": channels, "height": height, "width": width}
        given["data"] = base64.b64encode(picture.tobytes()).decode()
        for preparation in PREPARATIONS:
            values = {name: getattr(preparation, name) for name in ("image_size", "crop_size", "digit_size")}
            values |= {"mean": preparation.mean, "std": preparation.std}
            description = {"network": {"in_channels": preparation.in_channels}, "preprocessing": values}
            found = page.evaluate(PREPARE, [given, description])
            try:
                pixels = preparation.pixels(picture)
            except DataError:
                assert found in ("nothing", "pieces", "specks")
                num_refused += 1
                continue
            assert np.array_equal(found[0], pixels.ravel())
            assert np.array_equal(np.float32(found[1]), preparation.inputs(pixels).ravel())
    assert num_refused == REFUSED[pictures]
