"""The images whose answers are explained, and which of their pixels count."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from cnnlab.data import Dataset, centre_crop
from cnnlab.evaluation import Run, StoredPredictions, predict_probs
from cnnlab.explain import grad_cam, integrated_gradients, occlusion, saliency, sure_mistakes
from cnnlab.reporting import ENGLISH, Attribution, Text

NUM_MISTAKES, NUM_HITS = 3, 3


@dataclass(frozen=True)
class ExplainedImage:
    """One image that was explained.

    Attributes:
        name: its file, or which test image it is.
        drawn_name: the same in the language of the pictures.
        pixels: C x H x W, uint8, of the run's form.
        true: index of its class, where that is known.
        answer: the class that the run gave it when it was tested, and its probability; None of other images.
    """

    name: str
    drawn_name: str
    pixels: Tensor
    true: int | None
    answer: tuple[int, float] | None = None


def chosen_images(test: Dataset, stored: StoredPredictions, drawn: Text) -> list[ExplainedImage]:
    """Return the surest mistakes, and the first right answers of the first classes."""
    wrong = [answer.index for answer in sure_mistakes(stored.labels, stored.probs, most=NUM_MISTAKES)]
    right = []
    for label in range(len(stored.class_names)):
        found = torch.nonzero(stored.is_correct & (stored.labels == label)).flatten()
        if len(found) and len(right) < NUM_HITS:
            right.append(int(found[0]))
    return [
        ExplainedImage(
            ENGLISH("pictures.test_image", index=index),
            drawn("pictures.test_image", index=index),
            test.images[index],
            int(stored.labels[index]),
            (int(stored.probs[index].argmax()), float(stored.probs[index].max())),
        )
        for index in [*wrong, *right]
    ]


def attributions_of(
    run: Run,
    pixels: Tensor,
    names: Sequence[str],
    true: Sequence[int | None],
    answers: Sequence[tuple[int, float] | None],
) -> list[Attribution]:
    """Ask, in four ways, which pixels a network's answers rest on.

    Args:
        run: a finished run.
        pixels: N x C x H x W, uint8, of the run's form.
        names: of the images.
        true: index of each one's class, where that is known.
        answers: class and probability, where the run has answered; what one view of the image gives if not.
    """
    probs = predict_probs(run, pixels)
    now = zip(probs.argmax(1).tolist(), probs.amax(1).tolist(), strict=True)
    answers = [kept or new for kept, new in zip(answers, now, strict=True)]
    classes = torch.tensor([label for label, _prob in answers])
    gradient = saliency(run, pixels, classes)
    integrated, _ = integrated_gradients(run, pixels, classes)
    seen, _ = grad_cam(run, pixels, classes)
    falls = occlusion(run, pixels, classes)
    window = centre_crop(pixels, run.crop_size)
    rows = []
    for index, (name, label) in enumerate(zip(names, true, strict=True)):
        parts = (gradient[index], integrated[index], seen[index], falls[index])
        answer = run.class_names[answers[index][0]], answers[index][1]
        known = None if label is None else run.class_names[label]
        rows.append(Attribution(window[index], name, *answer, known, *parts))
    return rows
