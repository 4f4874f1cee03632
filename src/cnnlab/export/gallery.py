"""Test images for the page to start from: right answers of each class, and the surest mistakes.

They come from the answers that the run has stored. An image is taken only if the exported network sees in its
PNG exactly what the run saw, and answers as the run did: so the page shows what the run's scores are made of.
"""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cnnlab.data import Dataset
from cnnlab.evaluation import StoredPredictions
from cnnlab.export.encoded import png_of
from cnnlab.export.forms import Logits, logits_of
from cnnlab.page import GalleryImage
from cnnlab.pictures import Preparation

MOST_HITS, MOST_MISTAKES = 20, 16
_TRIED = 4
"""Times as many images are looked at, since some may not be taken."""


def gallery_of(
    stored: StoredPredictions,
    test: Dataset,
    originals: Tensor,
    preparation: Preparation,
    forward: Callable[[NDArray[np.float32]], Logits],
) -> list[GalleryImage]:
    """Choose images, right answers first, in the order of their classes, then mistakes, the surest first.

    Args:
        stored: the run's answers.
        test: the images, as the run saw them.
        originals: the same, N x C x H x W, in the size in which pictures are to be given; uint8.
        preparation: of the network.
        forward: the network, from normalised images to logits.
    """
    confidence, predicted = stored.probs.max(1)
    is_right = predicted == stored.labels
    hits = _spread_over_classes(stored.labels, is_right, MOST_HITS)
    order = confidence.argsort(descending=True, stable=True)
    mistakes = order[~is_right[order]][: _TRIED * MOST_MISTAKES].tolist()
    tried = [*(place for group in hits for place in group), *mistakes]
    if not tried:
        return []
    logits = logits_of(forward, preparation, test.images[tried].numpy())
    answers = dict(zip(tried, logits.argmax(1).tolist(), strict=True))

    def is_same(place: int) -> bool:
        seen = preparation.pixels(originals[place].numpy())
        return answers[place] == int(predicted[place]) and np.array_equal(seen, test.images[place].numpy())

    chosen = [next((place for place in group if is_same(place)), None) for group in hits]
    chosen += [place for place in mistakes if is_same(place)][:MOST_MISTAKES]
    return [
        GalleryImage(
            png=png_of(originals[place].numpy()),
            index=place,
            label=int(stored.labels[place]),
            predicted=int(predicted[place]),
            probability=float(confidence[place]),
        )
        for place in chosen
        if place is not None
    ]


def _spread_over_classes(labels: Tensor, is_right: Tensor, most: int) -> list[list[int]]:
    """Return places of right answers to choose one from, for so many classes at most, two for each if few."""
    classes = labels[is_right].unique().tolist()
    classes = (
        [classes[index * len(classes) // most] for index in range(most)] if len(classes) > most else classes
    )
    groups = []
    for label in classes:
        places = torch.nonzero(is_right & (labels == label)).flatten().tolist()
        times = max(1, most // max(1, len(classes)))
        groups += [places[first::times][:_TRIED] for first in range(times) if places[first::times]]
    return groups
