"""The pictures of an explained run, each with its heading and how to read it."""

from collections.abc import Callable, Sequence

from torch import Tensor

from cnnlab.data import Dataset
from cnnlab.evaluation import Run, StoredPredictions
from cnnlab.explain import (
    Method,
    activations,
    embed,
    first_filters,
    penultimate,
    structure,
    sure_mistakes,
    unsure_hits,
)
from cnnlab.reporting import (
    Attribution,
    Block,
    Picture,
    activations_picture,
    answers_picture,
    attributions_picture,
    diagram,
    first_filters_picture,
    image_map,
    run_title,
)

NUM_IN_MAP = 1000
NUM_LISTED = 12
MAX_LAYERS = 64
"""Of one picture; deeper networks get several."""
OF_METHOD = {"pca": "principal components", "tsne": "t-SNE, which keeps neighbours together"}

Add = Callable[[str, str, str, Picture], None]
"""Takes a stem of files, a heading, a caption and the picture."""


def draw_network(run: Run, add: Add) -> None:
    """Draw the diagram and the first filters."""
    parts = structure(run.model, in_channels=run.in_channels, image_size=run.crop_size)
    title = f"{run.network}, from an image to {len(run.class_names)} classes"
    picture = diagram(parts, in_channels=run.in_channels, image_size=run.crop_size, title=title)
    add(
        "diagram",
        "The network",
        "Drawn from the network itself; what is inside a block is not shown.",
        picture,
    )
    name, kernels = first_filters(run)
    picture = first_filters_picture(name, kernels, title=f"{run.network}: what the first layer looks for")
    add("filters", "Filters of the first layer", "Edges, spots and colours that its maps answer to.", picture)


def draw_images(run: Run, pixels: Tensor, name: str, rows: Sequence[Attribution], add: Add) -> None:
    """Draw what each layer makes of an image, C x H x W, and which pixels of some images count."""
    layers = activations(run, pixels)
    for start in range(0, len(layers), MAX_LAYERS):
        part, number = layers[start : start + MAX_LAYERS], start // MAX_LAYERS + 1
        which = f", layers {start + 1} to {start + len(part)}" if len(layers) > MAX_LAYERS else ""
        title = f"{run.network}: what each layer makes of {name}{which}"
        stem = f"layers-{number}" if which else "layers"
        heading, how = f"What each layer makes of an image{which}", "From top to bottom, as the network runs."
        add(stem, heading, how, activations_picture(pixels, part, title=title))
    picture = attributions_picture(rows, title=f"{run.network}: which pixels count")
    add("pixels", "Which pixels count", "Four ways to ask; where they agree, it is worth believing.", picture)


def draw_test(run: Run, test: Dataset, stored: StoredPredictions, method: Method, add: Add) -> None:
    """Draw the test images that are worth a look, and a map of some."""
    mistakes = [answer.index for answer in sure_mistakes(stored.labels, stored.probs, most=NUM_LISTED)]
    hits = [answer.index for answer in unsure_hits(stored.labels, stored.probs, most=NUM_LISTED)]
    num_wrong = int((~stored.is_correct).sum())
    blocks = [
        Block(f"Mistakes, the surest first: {len(mistakes)} of {num_wrong:,}", mistakes),
        Block(f"Right answers, the least sure first: {len(hits)} of {len(test) - num_wrong:,}", hits),
    ]
    answers = (stored.labels, stored.probs, stored.class_names)
    picture = answers_picture(test.images, *answers, blocks, title=run_title(run.folder))
    add(
        "answers",
        "Sure mistakes and unsure hits",
        "Of all test images, by the network's confidence.",
        picture,
    )
    some = slice(0, NUM_IN_MAP)
    places = embed(penultimate(run, test.images[some]), method=method)
    note = f"The first {len(places):,} test images; the layer before the last, by {OF_METHOD[method]}."
    picture = image_map(
        places,
        stored.labels[some],
        stored.is_correct[some],
        stored.class_names,
        title=f"{run.network}: what it takes to be alike",
        note=note,
    )
    add("map", "A map of images", note, picture)
