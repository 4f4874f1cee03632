import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from cnnlab.data import Dataset, load_data
from cnnlab.data.images.resize import resize_image
from cnnlab.errors import DataError
from cnnlab.pictures import centre_digit as centre_pixels

RNG = np.random.default_rng(0)


def centre_digit(image: Tensor, **options) -> Tensor:
    pixels = image[None] if image.ndim == 2 else image
    return torch.from_numpy(centre_pixels(pixels.numpy(), **options).copy())


def as_image(levels: np.ndarray) -> Tensor:
    return torch.from_numpy(np.rint(levels).clip(0, 255).astype(np.uint8))


def seven(height: int = 100, width: int = 60, pen: int = 12) -> np.ndarray:
    """A 7 of 0 and 1."""
    strokes = np.zeros((height, width))
    strokes[:pen] = 1
    for row in range(height):
        right = round(width - row * 0.5 * width / height)
        strokes[row, right - pen : right] = 1
    return strokes


def photo(
    strokes: np.ndarray, *, paper: float, ink: float, top: int, left: int, size=(300, 240)
) -> np.ndarray:
    mask = np.zeros(size)
    mask[top : top + strokes.shape[0], left : left + strokes.shape[1]] = strokes
    return paper * (1 - mask) + ink * mask


def centre_of_mass(image: Tensor) -> tuple[float, float]:
    values = image[0].double()
    places = torch.arange(values.shape[0]).double()
    return float(values.sum(1) @ places / values.sum()), float(values.sum(0) @ places / values.sum())


SEVEN = photo(seven(), paper=230, ink=30, top=40, left=50)


def test_box_centre_and_ink_are_those_of_mnist():
    centred = centre_digit(as_image(SEVEN))
    assert centred.shape == (1, 28, 28) and centred.dtype == torch.uint8
    assert centred.max() == 255 and centred[0, 0].max() == 0
    rows = (centred[0] > 0).any(1).nonzero().flatten()
    cols = (centred[0] > 0).any(0).nonzero().flatten()
    assert rows[-1] - rows[0] + 1 == 20
    assert cols[-1] - cols[0] + 1 == 12  # 60 x 100 keeps its aspect
    assert all(13.5 <= place <= 14.5 for place in centre_of_mass(centred))


@pytest.mark.parametrize(
    "changed",
    [
        255 - SEVEN,
        photo(seven(), paper=230, ink=30, top=190, left=5),
        SEVEN * 0.5 + 60,
        np.kron(SEVEN, np.ones((3, 3))),
        SEVEN[:, ::1][20:, 30:],
    ],
    ids=["inverted", "moved", "faint", "larger", "cropped"],
)
def test_ground_place_contrast_and_size_do_not_matter(changed):
    difference = centre_digit(as_image(changed)).int() - centre_digit(as_image(SEVEN)).int()
    assert difference.abs().float().mean() < 2


@pytest.mark.parametrize("noise", [0, 8])
def test_uneven_light_does_not_matter(noise):
    y, x = np.mgrid[0:1:300j, 0:1:240j]
    lit = SEVEN - 90 * x * y - 40 * y**2 + RNG.normal(0, noise, SEVEN.shape)
    difference = centre_digit(as_image(lit)).int() - centre_digit(as_image(SEVEN)).int()
    assert difference.abs().float().mean() < 6


def test_specks_are_dropped():
    dusty = SEVEN.copy()
    for row, col in RNG.integers(0, 30, (25, 2)):
        dusty[row : row + 2, 6 * col : 6 * col + 2] = 0
        dusty[220 + row : 222 + row, 4 * col : 4 * col + 3] = 0
    difference = centre_digit(as_image(dusty)).int() - centre_digit(as_image(SEVEN)).int()
    assert difference.abs().float().mean() < 3


def test_colour_and_shape():
    grey = as_image(SEVEN)
    assert torch.equal(centre_digit(grey[None]), centre_digit(grey))
    assert torch.equal(centre_digit(grey.expand(3, -1, -1)), centre_digit(grey))


def test_other_sizes_are_the_28_pixel_form_resized():
    assert torch.equal(
        centre_digit(as_image(SEVEN), size=32), resize_image(centre_digit(as_image(SEVEN)), 32)
    )


def test_size_8_fills_the_rows():
    centred = centre_digit(as_image(SEVEN), size=8)
    assert centred.shape == (1, 8, 8)
    assert (centred[0] > 0).any(1).all()
    assert 4 <= (centred[0] > 0).any(0).sum() <= 6


@pytest.mark.parametrize(
    "levels",
    [
        np.zeros((28, 28)),
        np.full((28, 28), 255),
        np.full((200, 150), 130),
        np.zeros((1, 1)),
        np.array([[0, 255]]),
        np.tile(np.linspace(0, 255, 200), (100, 1)),
        RNG.normal(128, 30, (120, 120)),
        RNG.normal(5, 2, (28, 28)),
        RNG.uniform(0, 255, (64, 64)),
        RNG.integers(0, 2, (64, 64)) * 255,
        (RNG.random((100, 100)) < 0.1) * 255,
        np.pad(np.full((1, 1), 255), 50),
    ],
    ids=[
        "black",
        "white",
        "grey",
        "1x1",
        "1x2",
        "ramp",
        "noise",
        "faint noise",
        "uniform",
        "binary",
        "salt",
        "speck",
    ],
)
def test_what_shows_no_digit_is_refused(levels):
    with pytest.raises(DataError, match=r"^blank\.png: must show (a|one) digit") as caught:
        centre_digit(as_image(levels), name="blank.png")
    assert "\n" not in str(caught.value)


@pytest.fixture(scope="module")
def mnist(shared_data) -> dict[str, Dataset]:
    return load_data("mnist", root=shared_data("mnist"), splits=["val", "test"], download=False)


def test_images_of_the_sets_pass_unchanged(mnist):
    for image in mnist["test"].images[:200]:
        assert torch.equal(centre_digit(image), image)
    for image in load_data("digits", splits=["test"])["test"].images:
        assert torch.equal(centre_digit(image, size=8), image)


def test_mnist_moved_off_centre_comes_back(mnist):
    for image in mnist["test"].images[:100]:
        moved = torch.nn.functional.pad(image, (1, 9, 7, 0))
        assert (centre_digit(moved).int() - image.int()).abs().float().mean() < 4


@pytest.mark.parametrize("kind", ["dark on light", "light on dark", "gradient and noise"])
def test_pasted_mnist_digits_are_still_known_to_their_nearest_neighbours(mnist, kind):
    """1-nearest-neighbour over the validation images, cosine distance: as good as on the untouched images."""
    known = mnist["val"].images.flatten(1).float()
    known /= known.norm(dim=1, keepdim=True)
    images, labels = mnist["test"].images[:120], mnist["test"].labels[:120]

    def top1(candidates: Tensor) -> float:
        nearest = (candidates.flatten(1).float() @ known.T).argmax(1)
        return (mnist["val"].labels[nearest] == labels).float().mean().item()

    centred = []
    for image in images:
        large = interpolate(image[None].float(), (130, 130), mode="bicubic")[0, 0].clamp(0, 255).numpy() / 255
        top, left = RNG.integers(0, 110, 2)
        levels = photo(large, paper=215, ink=50, top=top, left=left)
        if kind == "light on dark":
            levels = 255 - levels
        elif kind == "gradient and noise":
            levels += np.linspace(-60, 20, 240) + RNG.normal(0, 10, levels.shape)
        centred.append(centre_digit(as_image(levels)))
    assert top1(images) > 0.9
    assert top1(torch.stack(centred)) > top1(images) - 0.04


def test_exact_halves_fall_the_same_way_on_every_machine():
    strokes = np.full((120, 90), 225.0)
    strokes[20:100, 40:50] = 30
    (placed,) = centre_digit(as_image(strokes)).numpy()
    # Its centre of mass is at row 9.5 of 20, and so is exactly half a pixel off: it is not moved down.
    assert [rows[0] for rows in np.nonzero(placed)] == [4, 13] and placed.any(1).sum() == 20
