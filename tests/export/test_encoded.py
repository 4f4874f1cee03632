"""What a form says of encoded files is what the network says, or a problem is named."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from exported import make_run, network_logits

from cnnlab.evaluation import Run
from cnnlab.export.encoded import Answers, files_of, problem_of
from cnnlab.pictures import decode_picture


@pytest.fixture(scope="module")
def digits() -> np.ndarray:
    """Four, of another size than MNIST has them, so that they are looked for; and nothing."""
    pixels = np.zeros((5, 1, 32, 32), dtype=np.uint8)
    for place in range(4):
        pixels[place, 0, 5 + place : 26, 10 : 13 + place] = 255
    return pixels


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return make_run(tmp_path_factory.mktemp("run"), "convnet_mnist", is_digits=True, image_size=32)


@pytest.fixture
def answers(run, digits) -> Answers:
    """As a form has them that is right."""
    pixels = np.stack([run.preparation.pixels(digit) for digit in digits[:4]])
    probs = torch.from_numpy(network_logits(run, run.preparation.inputs(pixels))).softmax(1).numpy()
    classes = [run.class_names[place] for place in probs.argmax(1)]
    probs = np.concatenate([probs, np.zeros_like(probs[:1])])
    return Answers([*classes, ""], probs.max(1), probs)


def problem(run: Run, answers: Answers, pixels: np.ndarray) -> str:
    def forward(images: np.ndarray) -> np.ndarray:
        return network_logits(run, images)

    return problem_of(answers, files_of(pixels), run.preparation, run.class_names, forward, 1e-4)


def test_right_answers_pass(run, answers, digits):
    assert not problem(run, answers, digits)


def test_files_are_spread_over_the_images():
    pixels = np.arange(100, dtype=np.uint8)[:, None, None, None].repeat(3, axis=1)
    found = [decode_picture(file) for file in files_of(pixels)]
    assert len(found) == 32 and all(np.array_equal(one, pixels[0] * 0 + one[0]) for one in found)
    assert [int(one[0, 0, 0]) for one in found] == [place * 100 // 32 for place in range(32)]


@pytest.mark.parametrize("field", ["probs", "probability"])
@pytest.mark.parametrize("value", [2e-4, np.nan])
def test_other_probabilities_are_refused(run, answers, digits, field, value):
    values = getattr(answers, field).copy()
    values.flat[0] += np.float32(value)
    assert "its probabilities for encoded files" in problem(run, replace(answers, **{field: values}), digits)


@pytest.mark.parametrize("place", [0, 4])
def test_another_class_is_refused(run, answers, digits, place):
    for name in ("class k", "" if place == 0 else run.class_names[0]):
        classes = [name if index == place else one for index, one in enumerate(answers.classes)]
        assert problem(run, replace(answers, classes=classes), digits) == (
            "1 of 5 encoded files have another class"
        )


@pytest.mark.parametrize(("place", "other"), [(0, 4), (4, 0)])
def test_a_digit_must_be_found_where_one_is_and_not_elsewhere(run, answers, digits, place, other):
    probs, classes = answers.probs.copy(), list(answers.classes)
    probs[place], classes[place] = probs[other], classes[other]
    assert "its probabilities" in problem(run, Answers(classes, probs.max(1), probs), digits)


def test_a_tie_may_fall_either_way(run, digits):
    first, second = 0.5 + 4e-5, 0.5 - 4e-5

    def forward(images: np.ndarray) -> np.ndarray:
        logits = np.full((len(images), 10), -50, dtype=np.float32)
        logits[:, :2] = np.log([first, second])
        return logits

    probs = np.zeros((5, 10), dtype=np.float32)
    probs[:4, :2] = second, first
    for name, is_right in (("class b", True), ("class c", False)):
        other = Answers([name] * 4 + [""], probs.max(1), probs)
        said = problem_of(other, files_of(digits), run.preparation, run.class_names, forward, 1e-4)
        assert bool(said) != is_right
