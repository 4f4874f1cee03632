"""What a report shows of one network beyond its figures: pictures, and a temperature."""

from collections.abc import Callable
from pathlib import Path

import torch

from cnnlab import machine
from cnnlab.data import Dataset
from cnnlab.errors import CnnlabError, RunError
from cnnlab.evaluation import (
    Run,
    StoredPredictions,
    at_temperature,
    fit_temperature,
    load_predictions,
    load_run,
    metrics,
    predict_probs,
)
from cnnlab.explain import embed, first_filters, penultimate, sure_mistakes, suspected_labels
from cnnlab.lab.explain import attributions_of
from cnnlab.lab.splits import load_split
from cnnlab.reporting import (
    Attribution,
    Picture,
    Text,
    attributions_picture,
    first_filters_picture,
    image_map,
)
from cnnlab.reporting.report import NetworkExtras, NetworkFacts, ShownMistake, Temperature, network_diagram
from cnnlab.threads import set_threads

MAX_MISTAKES, NUM_EXPLAINED, NUM_ON_SLIDE, NUM_IN_MAP = 60, 4, 3, 1000
MIN_IN_MAP = 5


def network_extras(
    network: NetworkFacts, text: Text, *, root: Path | str | None, warn: Callable[[str], None]
) -> NetworkExtras:
    """Return what is to be shown of a network, of the run of its first seed; what is missing is told.

    Args:
        network: its facts.
        text: the words of pictures.
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
    shown = mistakes[:MAX_MISTAKES] if test else []
    rows = _attributions(run, test, [(one.index, one.true) for one in shown], text) if run and test else []
    places = _map(run, test, stored, text) if run and test and stored else None
    return NetworkExtras(
        diagram=network_diagram(network, text),
        slide_diagram=network_diagram(network, text, is_slide=True),
        mistakes=tuple(
            ShownMistake(test.images[one.index], one.index, one.true, one.predicted, one.prob)
            for one in shown
            if test
        ),
        is_answered=test is not None and stored is not None,
        num_mistakes=len(mistakes),
        num_suspected=len(suspected_labels(stored.labels, stored.probs)) if stored else 0,
        pixels=attributions_picture(rows, text=text) if rows else None,
        slide_pixels=attributions_picture(rows[:NUM_ON_SLIDE], text=text) if rows else None,
        filters=first_filters_picture(*first_filters(run), text=text) if run else None,
        map=places[0] if places else None,
        map_size=places[1] if places else (0, 0),
        temperature=_temperature(run, stored, root=root, warn=warn) if run and stored else None,
    )


def _attributions(run: Run, test: Dataset, mistakes: list[tuple[int, int]], text: Text) -> list[Attribution]:
    """Return which pixels the surest mistakes rest on, of (index, true class) each."""
    if not mistakes:
        return []
    indices, true = zip(*mistakes[:NUM_EXPLAINED], strict=True)
    names = [text("pictures.test_image", index=index) for index in indices]
    return attributions_of(run, torch.stack([test.images[index] for index in indices]), names, true)


def _map(
    run: Run, test: Dataset, stored: StoredPredictions, text: Text
) -> tuple[Picture, tuple[int, int]] | None:
    """Draw the first images as the network sees them; also how many, and by how many values of each."""
    if len(test) < MIN_IN_MAP:
        return None
    some = slice(0, NUM_IN_MAP)
    values = penultimate(run, test.images[some])
    right = stored.is_correct[some]
    picture = image_map(embed(values), stored.labels[some], right, stored.class_names, text=text)
    return picture, (len(values), values.shape[1])


def _temperature(
    run: Run, stored: StoredPredictions, *, root: Path | str | None, warn: Callable[[str], None]
) -> Temperature | None:
    try:
        val = load_split(run.folder, "val", root=root, warn=warn)
    except CnnlabError as error:
        warn(f"{run.folder.path}: without a temperature: {error}")
        return None
    value = fit_temperature(predict_probs(run, val.images), val.labels)
    after = metrics.ece(at_temperature(stored.probs, value), stored.labels)
    return Temperature(value, metrics.ece(stored.probs, stored.labels), after)
