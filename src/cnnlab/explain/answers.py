"""Which answers are worth a look: sure mistakes, unsure hits, labels that may be wrong."""

from dataclasses import dataclass

import torch
from torch import Tensor

from cnnlab.evaluation import metrics

SURE = 0.95
"""From this probability on, a mistake is listed as a label that may be wrong."""


@dataclass(frozen=True)
class Answer:
    """One image and what a network says of it.

    Attributes:
        index: of the image in its split.
        true: the label.
        predicted: the most probable class.
        prob: that class's probability.
        prob_of_true: the label's.
    """

    index: int
    true: int
    predicted: int
    prob: float
    prob_of_true: float


def sure_mistakes(labels: Tensor, probs: Tensor, *, most: int | None = None) -> list[Answer]:
    """Return the mistakes, the most confident first, at most so many; equals in the images' order."""
    return _ranked(labels, probs, ~metrics.is_correct(probs, labels), descending=True, most=most)


def unsure_hits(labels: Tensor, probs: Tensor, *, most: int | None = None) -> list[Answer]:
    """Return the right answers, the least confident first, at most so many; equals in the images' order."""
    return _ranked(labels, probs, metrics.is_correct(probs, labels), descending=False, most=most)


def suspected_labels(labels: Tensor, probs: Tensor, *, sure: float = SURE) -> list[Answer]:
    """Return the mistakes made with at least this confidence, the most confident first.

    A network that has learned a class well and contradicts a label is often right; a person has to look.
    """
    return [answer for answer in sure_mistakes(labels, probs) if answer.prob >= sure]


def _ranked(
    labels: Tensor, probs: Tensor, which: Tensor, *, descending: bool, most: int | None
) -> list[Answer]:
    places = torch.nonzero(which).flatten()
    confidence = probs[places].amax(1) if len(places) else places
    order = confidence.argsort(descending=descending, stable=True)[:most]
    predicted = metrics.predictions(probs)
    return [
        Answer(
            index=index,
            true=int(labels[index]),
            predicted=int(predicted[index]),
            prob=float(probs[index].max()),
            prob_of_true=float(probs[index, labels[index]]),
        )
        for index in places[order].tolist()
    ]
