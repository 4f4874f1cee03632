import io
import logging
import os
import random
import re
import struct
import time
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from PIL import Image

from cnnlab.data.images.decode import decode_image
from cnnlab.errors import DataError
from cnnlab.machine import peak_memory_bytes
from cnnlab.pictures import decode_picture, is_grey_file, pixels_of

RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 256, (6, 9, 3), dtype=np.uint8)
GREY = RNG.integers(0, 256, (6, 9), dtype=np.uint8)


def encode(image: Image.Image, file_format: str, **options) -> bytes:
    file = io.BytesIO()
    image.save(file, file_format, **options)
    return file.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_with_header(width: int, height: int, body: bytes = b"\0" * 100) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(body)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def chw(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.array(array[None] if array.ndim == 2 else array.transpose(2, 0, 1)))


@pytest.mark.parametrize(
    ("file_format", "options"),
    [
        ("PNG", {}),
        ("BMP", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("WEBP", {"lossless": True}),
    ],
)
def test_lossless_colour_comes_back_exactly(file_format, options):
    assert torch.equal(decode_image(encode(Image.fromarray(RGB), file_format, **options)), chw(RGB))


@pytest.mark.parametrize("file_format", ["PNG", "BMP", "TIFF", "GIF"])
def test_lossless_grey_comes_back_exactly(file_format):
    decoded = decode_image(encode(Image.fromarray(GREY), file_format), channels=1)
    assert torch.equal(decoded, chw(GREY))


@pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("RGB", 3)])
def test_jpeg_comes_back_nearly(mode, channels):
    ramp = np.linspace(0, 255, 32 * 32).reshape(32, 32).astype(np.uint8)
    decoded = decode_image(encode(Image.fromarray(ramp).convert(mode), "JPEG", quality=95))
    assert decoded.shape == (channels, 32, 32)
    assert (decoded.float().mean(0) - torch.from_numpy(ramp)).abs().max() < 8


def test_one_bit():
    bits = (GREY > 127).astype(np.uint8) * 255
    assert torch.equal(decode_image(encode(Image.fromarray(bits).convert("1"), "PNG")), chw(bits))


@pytest.mark.parametrize("file_format", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled_not_clipped(file_format):
    levels = np.array([[0, 128, 129, 257, 32768, 40000, 65278, 65535]], dtype=np.uint16)
    decoded = decode_image(encode(Image.fromarray(levels), file_format))
    assert decoded.flatten().tolist() == [0, 0, 1, 1, 128, 156, 254, 255]


def test_32_bit_grey_is_refused_where_its_range_is_unknown():
    with pytest.raises(DataError, match="0 to 65535"):
        decode_image(encode(Image.new("I", (2, 2), 70_000), "TIFF"))
    with pytest.raises(DataError, match="whole numbers"):
        decode_image(encode(Image.new("F", (2, 2), 0.5), "TIFF"))


def test_transparency_is_laid_over_white():
    rgba = Image.fromarray(np.array([[[10, 20, 30, 255], [10, 20, 30, 0], [0, 0, 0, 128]]], dtype=np.uint8))
    assert decode_image(encode(rgba, "PNG"))[:, 0].T.tolist() == [[10, 20, 30], [255, 255, 255], [127] * 3]
    grey = Image.fromarray(np.array([[[10, 255], [10, 0]]], dtype=np.uint8))
    assert grey.mode == "LA"
    assert decode_image(encode(grey, "PNG")).tolist() == [[[10, 255]]]


def test_palette_with_and_without_transparency():
    palette = Image.new("P", (2, 1))
    palette.putpalette([200, 10, 20, 30, 40, 250])
    palette.putdata([0, 1])
    assert decode_image(encode(palette, "PNG"))[:, 0].T.tolist() == [[200, 10, 20], [30, 40, 250]]
    for file_format in ("PNG", "GIF"):
        decoded = decode_image(encode(palette, file_format, transparency=1))
        assert decoded[:, 0].T.tolist() == [[200, 10, 20], [255, 255, 255]]


def test_cmyk():
    cmyk = Image.new("CMYK", (8, 8), (0, 255, 255, 0))  # no cyan, all magenta and yellow: red
    for data in (encode(cmyk, "TIFF"), encode(cmyk, "JPEG")):
        red, green, blue = decode_image(data)[:, 4, 4].tolist()
        assert red > 240 and green < 15 and blue < 15


def test_the_first_frame_of_a_gif():
    frames = [Image.new("L", (4, 4), level) for level in (50, 200)]
    data = encode(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert decode_image(data, channels=1).unique().tolist() == [50]


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(file_format, orientation):
    # Seen upright: a light left half of a tall image, its top left corner black.
    upright = np.full((32, 16), 20, dtype=np.uint8)
    upright[:, :8] = 220
    upright[:8, :8] = 120
    undo = {2: "fliplr", 3: "rot180", 4: "flipud", 5: "transpose", 6: "rot90", 7: "transverse", 8: "rot270"}
    stored = {
        "fliplr": np.fliplr,
        "rot180": lambda image: np.rot90(image, 2),
        "flipud": np.flipud,
        "transpose": np.transpose,
        "rot90": np.rot90,  # shown turned right by 90 degrees, so stored turned left
        "transverse": lambda image: np.rot90(image, 2).T,
        "rot270": lambda image: np.rot90(image, -1),
    }.get(undo.get(orientation, ""), lambda image: image)(upright)
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if file_format == "WEBP" else {}
    data = encode(Image.fromarray(np.ascontiguousarray(stored)), file_format, exif=exif, **options)
    decoded = decode_image(data, channels=1)
    assert decoded.shape == (1, 32, 16)
    assert (decoded[0].int() - torch.from_numpy(upright).int()).abs().max() < 8


def test_channels_asked_for():
    data = encode(Image.fromarray(RGB), "PNG")
    luma = np.asarray(Image.fromarray(RGB).convert("L"))
    assert torch.equal(decode_image(data, channels=1), chw(luma))
    colour = decode_image(encode(Image.fromarray(GREY), "PNG"), channels=3)
    assert torch.equal(colour, chw(GREY).expand(3, -1, -1))


def test_content_counts_not_the_name(tmp_path):
    path = tmp_path / "really_a.png"
    path.write_bytes(encode(Image.fromarray(GREY), "BMP"))
    assert torch.equal(decode_image(path, channels=1), chw(GREY))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x89PNG",
        b"%PDF-1.7",
        b"RIFF\x00\x00\x00\x00WAVEfmt ",
        encode(Image.fromarray(RGB), "ICO"),
        b"\x80\x04K",
    ],
)
def test_other_formats_are_refused(data):
    with pytest.raises(DataError, match=r"^photo\.png: "):
        decode_image(data, name="photo.png")


def test_what_is_not_a_file_is_refused(tmp_path):
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.png")
    for path in (tmp_path, tmp_path / "pipe.png", tmp_path / "none.png"):
        with pytest.raises(DataError, match=re.escape(str(path))):
            decode_image(path)


@pytest.mark.parametrize("data", [png_with_header(50_000, 50_000), png_with_header(2**31 - 1, 2**31 - 1)])
def test_a_bomb_is_refused_from_its_header(data):
    before = peak_memory_bytes()  # 0 where the system does not tell
    start = time.perf_counter()
    with pytest.raises(DataError, match="million pixels"):
        decode_image(data)
    assert time.perf_counter() - start < 0.1
    assert peak_memory_bytes() - before < 10_000_000


def jpeg_that_pillow_warns_about() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "x" * 50
    return encode(Image.new("RGB", (4, 8)), "JPEG", exif=exif.tobytes()[:-40])


def png_that_pillow_warns_about() -> bytes:
    whole = encode(Image.new("L", (4, 8)), "PNG")
    return whole[:33] + chunk(b"acTL", struct.pack(">II", 0, 0)) + whole[33:]  # an animation of no frames


def test_pillows_warnings_stay_inside(tmp_path):
    for data, shape in (
        (jpeg_that_pillow_warns_about(), (3, 4, 8)),
        (png_that_pillow_warns_about(), (1, 8, 4)),
    ):
        (tmp_path / "image").write_bytes(data)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            assert decode_image(data).shape == shape
            is_grey_file(tmp_path / "image")
        assert caught == []


def test_an_image_that_pillow_warns_about_is_the_same_where_warnings_are_errors():
    assert decode_image(jpeg_that_pillow_warns_about()).shape == (3, 4, 8)  # turned, as its EXIF block says


def test_threads_that_decode_leave_the_callers_filters_as_they_were():
    before = list(warnings.filters)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(decode_image, [jpeg_that_pillow_warns_about()] * 200))
    assert warnings.filters == before


def test_pillows_log_does_not_reach_stderr(capfd):
    # More samples a pixel than Pillow decodes: it logs an error, and standard error is where Python puts
    # what nobody listens to.
    tags = {256: 2, 257: 2, 277: 9}
    entries = b"".join(struct.pack("<HHII", tag, 3, 1, value) for tag, value in tags.items())
    samples = struct.pack("<2sHIH", b"II", 42, 8, len(tags)) + entries + bytes(4)
    listeners, logging.root.handlers = logging.root.handlers, []
    try:
        with pytest.raises(DataError):
            decode_image(samples)
    finally:
        logging.root.handlers = listeners
    assert capfd.readouterr().err == ""


def test_a_header_that_promises_more_than_there_is_is_refused():
    with pytest.raises(DataError, match="cannot be decoded"):
        decode_image(png_with_header(100, 100))


@pytest.mark.parametrize("order", ["<", ">"])
def test_grey_of_16_bits_in_either_order_of_bytes(order):
    levels = np.array([[0, 257, 300], [40_000, 65_535, 128]], dtype=f"{order}u2")
    mode = "I;16" if order == "<" else "I;16B"
    image = Image.frombytes(mode, (3, 2), levels.tobytes())
    found = pixels_of(image)
    assert np.array_equal(found[0], (levels.astype(np.int64) + 128) // 257)
    file = io.BytesIO()
    image.save(file, "TIFF")
    assert np.array_equal(decode_picture(file.getvalue()), found)


def test_pictures_are_the_same_in_strips_and_as_a_whole(monkeypatch):
    draw = np.random.default_rng(0)
    colour = Image.fromarray(draw.integers(0, 256, (23, 17, 4), dtype=np.uint8))
    deep = Image.frombytes("I;16B", (17, 23), draw.integers(0, 2**16, (23, 17)).astype(">u2").tobytes())
    images = [colour.convert(mode) for mode in ("RGBA", "RGB", "L", "LA", "CMYK", "1")]
    images += [deep, colour.convert("RGB").quantize(9)]
    whole = [(pixels_of(image), pixels_of(image, channels=1)) for image in images]
    monkeypatch.setattr("cnnlab.pictures.decode._STRIP_PIXELS", 40)
    for image, (pixels, grey) in zip(images, whole, strict=True):
        assert np.array_equal(pixels_of(image), pixels), image.mode
        assert np.array_equal(pixels_of(image, channels=1), grey), image.mode


def test_is_grey_file(tmp_path):
    for mode, is_grey in {"1": True, "L": True, "LA": True, "I;16": True, "P": False, "RGB": False}.items():
        Image.new(mode, (3, 3)).save(tmp_path / "image.png")
        assert is_grey_file(tmp_path / "image.png") is is_grey, mode


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF"])
def test_damage_is_a_data_error_or_an_image_and_nothing_else(file_format):
    image = Image.fromarray(np.kron(RGB, np.ones((4, 4, 1), dtype=np.uint8)))
    whole = encode(image, file_format, exif=Image.Exif()) if file_format != "BMP" else encode(image, "BMP")
    draw = random.Random(0)
    cut = [whole[: draw.randrange(len(whole))] for _ in range(150)]
    flipped = []
    for _ in range(300):
        damaged = bytearray(whole)
        # Half of the flips hit the header, where parsers are fragile.
        place = draw.randrange(min(len(whole), 64) if draw.random() < 0.5 else len(whole))
        damaged[place] ^= 1 << draw.randrange(8)
        flipped.append(bytes(damaged))
    num_refused = 0
    for data in cut + flipped:
        try:
            decoded = decode_image(data, name="x.img", max_pixels=10**6)
            assert decoded.dtype == torch.uint8 and decoded.ndim == 3
        except DataError as error:
            assert "\n" not in str(error) and str(error).startswith("x.img: ")
            num_refused += 1
    assert num_refused > 100
