"""The pictures of an explained run, each with its heading and how to read it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor

from cnnlab.data import Dataset
from cnnlab.evaluation import Run, StoredPredictions
from cnnlab.explain import (
    MIN_IN_MAP,
    Method,
    activations,
    embed,
    first_filters,
    images_of_map,
    penultimate,
    structure,
    sure_mistakes,
    unsure_hits,
)
from cnnlab.reporting import (
    Attribution,
    Block,
    Picture,
    Text,
    activations_picture,
    answers_picture,
    attributions_picture,
    diagram,
    first_filters_picture,
    image_map,
    run_title,
)

NUM_LISTED = 12
MAX_LAYERS = 64
"""Of one picture; deeper networks get several."""

Add = Callable[[str, str, str, Picture], None]
"""Takes a stem of files, a heading, a caption and the picture."""


@dataclass(frozen=True)
class Words:
    """The languages of an explanation.

    Attributes:
        page: of headings and captions.
        drawn: of the words inside pictures: English, where no font here has the letters of the page.
    """

    page: Text
    drawn: Text


def draw_network(run: Run, add: Add, words: Words) -> None:
    """Draw the diagram and the first filters."""
    page, drawn = words.page, words.drawn
    parts = structure(run.model, in_channels=run.in_channels, image_size=run.crop_size)
    title = drawn("explain.diagram_title", network=run.network, num_classes=len(run.class_names))
    picture = diagram(parts, in_channels=run.in_channels, image_size=run.crop_size, title=title, text=drawn)
    add("diagram", page("explain.diagram"), page("explain.diagram_how"), picture)
    name, kernels = first_filters(run)
    title = drawn("explain.filters_title", network=run.network)
    picture = first_filters_picture(name, kernels, title=title, text=drawn)
    add("filters", page("explain.filters"), page("explain.filters_how"), picture)


def draw_images(
    run: Run, pixels: Tensor, name: str, rows: Sequence[Attribution], add: Add, words: Words
) -> None:
    """Draw what each layer makes of an image, C x H x W, and which pixels of some images count."""
    page, drawn = words.page, words.drawn
    layers = activations(run, pixels)
    for start in range(0, len(layers), MAX_LAYERS):
        part, number = layers[start : start + MAX_LAYERS], start // MAX_LAYERS + 1
        known = {"first": start + 1, "last": start + len(part)}
        is_part = len(layers) > MAX_LAYERS
        of_page, of_picture = (
            text("explain.layers_some", **known) if is_part else "" for text in (page, drawn)
        )
        title = drawn("explain.layers_title", network=run.network, name=name, which=of_picture)
        picture = activations_picture(pixels, part, title=title, text=drawn)
        heading = page("explain.layers", which=of_page)
        add(f"layers-{number}" if is_part else "layers", heading, page("explain.layers_how"), picture)
    title = drawn("explain.pixels_title", network=run.network)
    picture = attributions_picture(rows, run.class_names, title=title, text=drawn)
    add("pixels", page("explain.pixels"), page("explain.pixels_how"), picture)


def draw_test(
    run: Run, test: Dataset, stored: StoredPredictions, method: Method, add: Add, words: Words
) -> None:
    """Draw the test images that are worth a look, and a map of some."""
    page, drawn = words.page, words.drawn
    mistakes = [answer.index for answer in sure_mistakes(stored.labels, stored.probs, most=NUM_LISTED)]
    hits = [answer.index for answer in unsure_hits(stored.labels, stored.probs, most=NUM_LISTED)]
    num_wrong = int((~stored.is_correct).sum())
    blocks = [
        Block(drawn(f"explain.answers_{which}", num=len(indices), total=f"{total:,}"), indices)
        for which, indices, total in (
            ("wrong", mistakes, num_wrong),
            ("right", hits, len(test) - num_wrong),
        )
    ]
    answers = (stored.labels, stored.probs, stored.class_names)
    title = run_title(run.folder, text=drawn)
    picture = answers_picture(test.images, *answers, blocks, title=title, text=drawn)
    add("answers", page("explain.answers"), page("explain.answers_how"), picture)
    if len(test) < MIN_IN_MAP:
        return
    some = images_of_map(len(test))
    places = embed(penultimate(run, test.images[some]), method=method)
    note, caption = (text(f"explain.map_{method}", num=f"{len(places):,}") for text in (drawn, page))
    picture = image_map(
        places,
        stored.labels[some],
        stored.is_correct[some],
        stored.class_names,
        title=drawn("explain.map_title", network=run.network),
        note=note,
        text=drawn,
    )
    add("map", page("explain.map"), caption, picture)
