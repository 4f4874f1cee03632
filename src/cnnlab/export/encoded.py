"""The gate for encoded files: a form that takes such must prepare them as we do, and name their class."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cnnlab.errors import DataError
from cnnlab.pictures import Pixels, Preparation, decode_picture

NUM_FILES = 32
"""Of the gate's images: all go the same way, and finding a digit takes longer than the network."""

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Answers:
    """What a form says of N encoded files.

    Attributes:
        classes: N names; empty where there is no digit for a network that needs one.
        probability: N, of that class; 0 there.
        probs: N x num_classes; zeros there.
    """

    classes: Sequence[str]
    probability: Floats
    probs: Floats


def files_of(pixels: Pixels) -> list[bytes]:
    """Return `NUM_FILES` of N x C x H x W images at most as PNG, evenly spread."""
    num = min(NUM_FILES, len(pixels))
    return [png_of(pixels[place * len(pixels) // num]) for place in range(num)]


def png_of(pixels: Pixels) -> bytes:
    """Return C x H x W bytes as a PNG."""
    picture = pixels[0] if pixels.shape[0] == 1 else np.ascontiguousarray(pixels.transpose(1, 2, 0))
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG", optimize=True)
    return file.getvalue()


def problem_of(
    answers: Answers,
    files: Sequence[bytes],
    preparation: Preparation,
    class_names: Sequence[str],
    forward: Callable[[Floats], Floats],
    tolerance: float,
) -> str:
    """Return what is wrong with a form's answers, in words that end a line; empty if nothing is.

    Args:
        answers: of the form.
        files: that it was given.
        preparation: of the network.
        class_names: in the order of its logits.
        forward: the network, from normalised images to logits.
        tolerance: of a logit; a probability then differs by no more than half of it. Two classes are a tie
            where the network's own probabilities for them differ by no more than is allowed to both.
    """
    images, is_there = _prepared(files, preparation)
    expected = np.where(is_there[:, None], _softmax(forward(images)), 0)
    found = np.column_stack([answers.probability, answers.probs])
    difference = float(np.abs(found - np.column_stack([expected.max(1), expected])).max(initial=0))
    if not difference <= tolerance:  # not a number is no answer either
        return (
            f"its probabilities for encoded files differ from the network's by up to {difference:.2g} on "
            f"{len(files)} images; {tolerance:.2g} is allowed"
        )
    is_best = expected.max(1, keepdims=True) - expected <= 2 * tolerance
    allowed_names = [
        {name for name, is_one in zip(class_names, row, strict=True) if is_one} if there else {""}
        for row, there in zip(is_best, is_there, strict=True)
    ]
    pairs = zip(answers.classes, allowed_names, strict=True)
    num_others = sum(name not in names for name, names in pairs)
    return f"{num_others} of {len(files)} encoded files have another class" if num_others else ""


def _prepared(files: Sequence[bytes], preparation: Preparation) -> tuple[Floats, NDArray[np.bool_]]:
    """Return what the network is to see of files, N x C x H x W, and where there is something to see."""
    size = preparation.image_size
    pixels = np.zeros((len(files), preparation.in_channels, size, size), dtype=np.uint8)
    is_there = np.ones(len(files), dtype=bool)
    for place, content in enumerate(files):
        try:
            pixels[place] = preparation.pixels(decode_picture(content))
        except DataError:
            is_there[place] = False
    return preparation.inputs(pixels), is_there


def _softmax(logits: Floats) -> NDArray[np.float64]:
    exponentials = np.exp(logits.astype(np.float64) - logits.max(1, keepdims=True))
    return exponentials / exponentials.sum(1, keepdims=True)
