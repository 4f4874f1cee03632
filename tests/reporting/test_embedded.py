"""Pictures inside a page: small files that show what they should."""

import base64
import io

import numpy as np
import pytest
import torch
from PIL import Image

from cnnlab.reporting.canvas import new_figure, to_picture
from cnnlab.reporting.report.embedded import DENSITY, LARGE, SHOWN, image, tile
from smooth_noise import photo


def opened(address):
    kind, content = address.removeprefix("data:image/").split(";base64,")
    return kind, Image.open(io.BytesIO(base64.b64decode(content)))


@pytest.mark.parametrize("channels", [1, 3])
def test_a_small_image_keeps_every_pixel(channels):
    pixels = torch.randint(0, 256, (channels, 28, 28), dtype=torch.uint8)
    kind, shown = opened(tile(pixels))
    assert kind == "png" and shown.mode == ("L" if channels == 1 else "RGB")
    assert np.array_equal(np.asarray(shown).reshape(28, 28, channels), pixels.permute(1, 2, 0).numpy())


@pytest.mark.parametrize("webp", [True, False])
def test_a_photograph_is_as_small_as_it_is_shown(webp, monkeypatch):
    monkeypatch.setattr("PIL.features.check", lambda name: webp)
    pixels = photo(0, side=300)[:, :, :200]
    address = tile(pixels)
    kind, shown = opened(address)
    assert kind == ("webp" if webp else "jpeg") and shown.size == (136, DENSITY * SHOWN)
    assert len(address) < 12_000
    small = pixels.float().unsqueeze(0)
    small = torch.nn.functional.interpolate(small, size=(204, 136), mode="area")[0].permute(1, 2, 0).numpy()
    assert np.abs(np.asarray(shown.convert("RGB")) - small).mean() < 6  # the same picture


def test_what_lies_between_is_made_no_larger():
    _, shown = opened(tile(photo(1, side=128)))
    assert shown.size == (128, 128)


def test_a_drawing_of_noise_is_kept_small_and_one_of_lines_exact():
    with new_figure(4.0, 4.0) as figure:
        axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
        lines = to_picture(figure, alt="lines")
        assert 'src="data:image/png;' in image(lines)
    with new_figure(4.0, 4.0) as figure:
        axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
        axes.imshow(np.random.default_rng(0).random((600, 600, 3)))
        noise = to_picture(figure, alt="noise")
        assert len(noise.png) > LARGE and len(image(noise)) < len(noise.png) / 2


def test_a_picture_of_letters_names_any_font_without_serifs_at_last():
    with new_figure(2.0, 1.0) as figure:
        figure.text(0.1, 0.5, "words")
        drawn = to_picture(figure, alt="words").svg.decode()
    assert "DejaVu Sans" in drawn and "sans-serif" in drawn.split("DejaVu Sans")[1].split('"')[0]
