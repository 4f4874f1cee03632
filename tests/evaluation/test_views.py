import math
from typing import get_args

import numpy as np
import pytest
import torch

from cnnlab.config import EvaluationConfig
from cnnlab.errors import ConfigError
from cnnlab.evaluation.views import (
    AVERAGES,
    ONE_VIEW,
    TTA,
    average_views,
    check_slack,
    check_view_names,
    cut_views,
    views_in_words,
)
from cnnlab.runs.contents import Scores


def views_of(image: np.ndarray, size: int, tta: str) -> list[np.ndarray]:
    """The views of one image, C x H x W, pixel by pixel: a second implementation."""
    _, height, width = image.shape
    down, right = height - size, width - size
    centre = (math.floor(down / 2), math.floor(right / 2))  # half a pixel up and left where they are odd
    corners = [(0, 0), (0, right), (down, 0), (down, right)]
    views = []
    for top, left in [*corners, centre] if tta == "ten-crop" else [centre]:
        for is_mirrored in (False, True) if tta in ("mirror", "ten-crop") else (False,):
            view = np.zeros((len(image), size, size), np.uint8)
            for channel in range(len(image)):
                for row in range(size):
                    for col in range(size):
                        from_col = size - 1 - col if is_mirrored else col
                        view[channel, row, col] = image[channel, top + row, left + from_col]
            views.append(view)
    return views


@pytest.mark.parametrize(("tta", "num_views"), [("none", 1), ("centre", 1), ("mirror", 2), ("ten-crop", 10)])
@pytest.mark.parametrize(
    ("channels", "height", "width", "size"),
    [(1, 36, 36, 32), (3, 9, 9, 6), (2, 7, 8, 4), (1, 8, 5, 5), (3, 6, 6, 6), (1, 3, 2, 1)],
)
def test_the_views_are_those_of_a_loop_over_single_images(tta, num_views, channels, height, width, size):
    generator = torch.Generator().manual_seed(height * width)
    images = torch.randint(0, 256, (3, channels, height, width), dtype=torch.uint8, generator=generator)
    views = list(cut_views(images, size, tta))
    assert len(views) == num_views
    expected = [views_of(image.numpy(), size, tta) for image in images]
    for number, view in enumerate(views):
        assert view.dtype == torch.uint8
        assert np.array_equal(view.numpy(), np.stack([image[number] for image in expected])), number


def test_ten_windows_worked_by_hand():
    images = torch.arange(12, dtype=torch.uint8).view(1, 1, 3, 4)
    views = [view[0, 0].flatten().tolist() for view in cut_views(images, 2, "ten-crop")]
    corners = [[0, 1, 4, 5], [2, 3, 6, 7], [4, 5, 8, 9], [6, 7, 10, 11]]
    centre = [1, 2, 5, 6]  # of three rows the upper two, of four columns the middle two
    assert views[0::2] == [*corners, centre]
    assert views[1::2] == [[b, a, d, c] for a, b, c, d in views[0::2]]


def test_224_of_256_as_in_the_paper():
    images = torch.arange(256).view(1, 1, 1, 256).expand(1, 1, 256, 256)
    left_edges = [int(view[0, 0, 0, 0]) for view in cut_views(images, 224, "ten-crop")]
    assert left_edges == [0, 223, 32, 255, 0, 223, 32, 255, 16, 239]


def test_windows_are_cut_when_they_are_asked_for_and_not_copied():
    images = torch.zeros(2, 1, 6, 6, dtype=torch.uint8)
    views = cut_views(images, 4, "ten-crop")
    images.add_(7)
    assert all((view == 7).all() for view in views)


def logits_of(*probs: float) -> torch.Tensor:
    """Logits of one image whose softmax are these."""
    return torch.tensor([probs]).log()


def test_one_sure_view_outvotes_two_in_logits_not_in_probabilities():
    views = [logits_of(0.01, 0.99), logits_of(0.9, 0.1), logits_of(0.9, 0.1)]
    mean = (0.01 + 0.9 + 0.9) / 3
    assert average_views(views, "probs")[0].tolist() == pytest.approx([mean, 1 - mean])
    odds = (1 / 99 * 9 * 9) ** (1 / 3)  # logits are logarithms of odds: their mean is a geometric one
    assert average_views(views, "logits")[0].tolist() == pytest.approx([odds / (1 + odds), 1 / (1 + odds)])
    assert mean > 0.5 > odds / (1 + odds)


@pytest.mark.parametrize("average", AVERAGES)
def test_one_view_is_its_softmax_to_the_bit(average):
    logits = torch.randn(5, 7, generator=torch.Generator().manual_seed(1))
    assert torch.equal(average_views(iter([logits]), average), logits.double().softmax(1))


def test_moved_views_repeat_the_edge():
    images = torch.arange(9, dtype=torch.uint8).view(1, 1, 3, 3)
    middle, down, up, right, left = cut_views(images, 3, "shift")
    assert torch.equal(middle, images)
    assert down[0, 0].tolist() == [[0, 1, 2], [0, 1, 2], [3, 4, 5]]
    assert up[0, 0].tolist() == [[3, 4, 5], [6, 7, 8], [6, 7, 8]]
    assert right[0, 0].tolist() == [[0, 0, 1], [3, 3, 4], [6, 6, 7]]
    assert left[0, 0].tolist() == [[1, 2, 2], [4, 5, 5], [7, 8, 8]]
    views = list(cut_views(images, 3, "mirror-shift"))
    assert len(views) == 10 and torch.equal(views[3], down.flip(3))


def test_a_moved_window_sees_the_image_beyond_it():
    images = torch.arange(25, dtype=torch.uint8).view(1, 1, 5, 5)
    _, down, *_ = cut_views(images, 3, "shift")
    assert torch.equal(down, images[:, :, 0:3, 1:4])


@pytest.mark.parametrize("average", AVERAGES)
def test_the_average_is_that_of_all_images_at_once(average):
    views = torch.randn(10, 4, 3, generator=torch.Generator().manual_seed(2))
    whole = views.double().mean(0).softmax(1) if average == "logits" else views.double().softmax(2).mean(0)
    torch.testing.assert_close(average_views(views, average), whole)


def test_the_same_words_mean_the_same_scores():
    words = {(tta, average): views_in_words(tta, average) for tta in TTA for average in AVERAGES}
    assert {words[tta, average] for tta in ("none", "centre") for average in AVERAGES} == {ONE_VIEW}
    assert words["mirror", "probs"] == "mirror, probabilities averaged"
    assert words["ten-crop", "logits"] == "ten-crop, logits averaged"
    assert len(set(words.values())) == 9


@pytest.mark.parametrize(("field", "names"), [("tta", TTA), ("average", AVERAGES)])
def test_config_and_files_know_the_same_names(field, names):
    for section in (EvaluationConfig, Scores):
        assert set(get_args(section.model_fields[field].annotation)) == set(names)


@pytest.mark.parametrize(
    ("tta", "average", "message"),
    [
        ("tencrop", "probs", "tta: there is no tta 'tencrop'. Did you mean 'ten-crop'?"),
        ("mirror", "prob", "average: there is no average 'prob'. Did you mean 'probs'?"),
        (
            "flip",
            "x",
            "tta: there is no tta 'flip'. Known: centre, mirror, mirror-shift, none, shift, ten-crop.",
        ),
    ],
)
def test_an_unknown_name_is_refused(tta, average, message):
    with pytest.raises(ConfigError) as caught:
        check_view_names(tta, average)
    assert str(caught.value) == message


@pytest.mark.parametrize(("size", "larger"), [(32, 36), (224, 252), (8, 10), (1, 3)])
def test_ten_windows_need_room(size, larger):
    for tta in ("none", "centre", "mirror"):
        check_slack(tta, image_size=size, crop_size=size, place="runs/a")
    check_slack("ten-crop", image_size=size + 1, crop_size=size, place="runs/a")
    with pytest.raises(ConfigError) as caught:
        check_slack("ten-crop", image_size=size, crop_size=size, place="runs/a")
    line = str(caught.value)
    assert line.startswith(f"runs/a: ten-crop needs images larger than the {size} x {size} pixels that the")
    assert f"--set data.image_size={larger} --set data.crop_size={size}," in line and "\n" not in line
