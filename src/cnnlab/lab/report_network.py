"""What a report shows of one network beyond its figures: pictures, and a temperature."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from cnnlab import machine
from cnnlab.data import Dataset
from cnnlab.errors import CnnlabError, RunError
from cnnlab.evaluation import (
    Run,
    StoredPredictions,
    at_temperature,
    evaluated_scores,
    fit_temperature,
    load_predictions,
    load_run,
    metrics,
    predict_probs,
)
from cnnlab.explain import (
    MIN_IN_MAP,
    embed,
    first_filters,
    images_of_map,
    penultimate,
    sure_mistakes,
    suspected_labels,
)
from cnnlab.lab.explain_images import attributions_of
from cnnlab.lab.splits import load_split
from cnnlab.reporting import (
    PAPER,
    SLIDE,
    Attribution,
    Text,
    attributions_picture,
    first_filters_picture,
    image_map,
)
from cnnlab.reporting.report import NetworkExtras, NetworkFacts, ShownMistake, Temperature, network_diagram
from cnnlab.threads import set_threads

MAX_MISTAKES, NUM_EXPLAINED, NUM_ON_SLIDE = 60, 4, 3


@dataclass(frozen=True)
class ImageMap:
    """Test images in the plane, as a network sees them.

    Attributes:
        places: N x 2.
        labels: N, the true classes.
        is_correct: N, bool.
        class_names: what the labels stand for.
        num_values: that the layer before the last gives of each.
    """

    places: np.ndarray
    labels: Tensor
    is_correct: Tensor
    class_names: tuple[str, ...]
    num_values: int


@dataclass(frozen=True)
class Findings:
    """What is found out about a network, whatever language it will be told in; parts may be missing.

    Attributes:
        extras: all that holds no word.
        attributions: which pixels its surest mistakes rest on, the first of `extras.mistakes`.
        filters: name of the first convolution, and its kernels.
        map: of test images.
    """

    extras: NetworkExtras
    attributions: tuple[Attribution, ...] = ()
    filters: tuple[str, Tensor] | None = None
    map: ImageMap | None = None


def look_into(network: NetworkFacts, *, root: Path | str | None, warn: Callable[[str], None]) -> Findings:
    """Find out what is to be shown of a network, of the run of its first seed; what is missing is told.

    Args:
        network: its facts.
        root: where the data lies, if not where it lay in training.
        warn: takes one line about what cannot be shown.

    Raises:
        RunError: a file of the run is damaged.
    """
    folder = network.folders[0]
    run = load_run(folder.path) if folder.weights.exists() else None
    stored = load_predictions(folder) if folder.predictions.exists() else None
    if run is None:
        warn(f"{folder.path}: without what needs its weights (no {folder.weights.name} in it).")
    if stored is None:
        warn(f"{folder.path}: without what needs its answers (no {folder.predictions.name} in it).")
    set_threads(machine.default_threads())
    try:
        test = load_split(folder, "test", root=root, warn=warn)
        if stored is not None and stored.fingerprint != test.fingerprint:
            raise RunError(f"{folder.path}: was evaluated on other test images than those that are here.")
    except CnnlabError as error:
        warn(f"{network.name}: without pictures of test images: {error}")
        test = None
    mistakes = sure_mistakes(stored.labels, stored.probs) if stored else []
    shown = [
        ShownMistake(test.images[one.index], one.index, one.true, one.predicted, one.prob)
        for one in mistakes[:MAX_MISTAKES]
        if test
    ]
    extras = NetworkExtras(
        mistakes=tuple(shown),
        is_answered=test is not None and stored is not None,
        num_mistakes=len(mistakes),
        num_suspected=len(suspected_labels(stored.labels, stored.probs)) if stored else 0,
        temperature=_temperature(run, stored, root=root, warn=warn) if run and stored else None,
    )
    return Findings(
        extras,
        attributions=_attributions(run, shown[:NUM_EXPLAINED]) if run and shown else (),
        filters=first_filters(run) if run else None,
        map=_map(run, test, stored) if run and test and stored else None,
    )


def network_extras(network: NetworkFacts, found: Findings, text: Text) -> NetworkExtras:
    """Return what was found out, with its pictures.

    Args:
        network: its facts.
        found: what `look_into` returned.
        text: the words of pictures.
    """
    rows = [
        replace(row, name=text("pictures.test_image", index=mistake.index))
        for row, mistake in zip(found.attributions, found.extras.mistakes, strict=False)
    ]
    places = found.map
    class_names = evaluated_scores(network.folders[0])["class_names"]
    return replace(
        found.extras,
        diagram=network_diagram(network, text),
        slide_diagram=network_diagram(network, text, SLIDE),
        paper_diagram=network_diagram(network, text, PAPER),
        pixels=attributions_picture(rows, class_names, text=text) if rows else None,
        slide_pixels=attributions_picture(rows[:NUM_ON_SLIDE], class_names, text=text) if rows else None,
        filters=first_filters_picture(*found.filters, text=text) if found.filters else None,
        map=image_map(places.places, places.labels, places.is_correct, places.class_names, text=text)
        if places
        else None,
        map_size=(len(places.labels), places.num_values) if places else (0, 0),
    )


def _attributions(run: Run, mistakes: list[ShownMistake]) -> tuple[Attribution, ...]:
    """Return which pixels some mistakes rest on; their names are given where they are drawn."""
    true = [one.true for one in mistakes]
    pixels = torch.stack([one.pixels for one in mistakes])
    answers = [(one.predicted, one.prob) for one in mistakes]
    return tuple(attributions_of(run, pixels, [""] * len(mistakes), true, answers))


def _map(run: Run, test: Dataset, stored: StoredPredictions) -> ImageMap | None:
    """Place some images as the network sees them."""
    if len(test) < MIN_IN_MAP:
        return None
    some = images_of_map(len(test))
    values = penultimate(run, test.images[some])
    names = stored.class_names
    return ImageMap(embed(values), stored.labels[some], stored.is_correct[some], names, values.shape[1])


def _temperature(
    run: Run, stored: StoredPredictions, *, root: Path | str | None, warn: Callable[[str], None]
) -> Temperature | None:
    try:
        val = load_split(run.folder, "val", root=root, warn=warn)
    except CnnlabError as error:
        warn(f"{run.folder.path}: without a temperature: {error}")
        return None
    views = run.folder.config.evaluation  # what is mended was answered by these
    probs = predict_probs(run, val.images, tta=views.tta, average=views.average)
    value = fit_temperature(probs, val.labels)
    after = metrics.ece(at_temperature(stored.probs, value), stored.labels)
    return Temperature(value, metrics.ece(stored.probs, stored.labels), after)
