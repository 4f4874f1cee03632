"""A network's parts and layers, from its weights or, where they are gone, from its config."""

from collections.abc import Callable

from cnnlab.evaluation import load_run
from cnnlab.explain import structure
from cnnlab.models import create_model, layer_table
from cnnlab.reporting.canvas import Picture
from cnnlab.reporting.diagram import SCREEN, Form, diagram
from cnnlab.reporting.report.facts import NetworkFacts, Shape
from cnnlab.reporting.text import Text
from cnnlab.runs import RunFolder


def shape_of(
    folder: RunFolder,
    num_classes: int,
    images_of: Callable[[RunFolder], tuple[int, int] | None] | None = None,
) -> Shape | None:
    """Return parts and layers of a run's network.

    Args:
        folder: a finished run.
        num_classes: of its images.
        images_of: returns channels and side of the images that the network sees, if it knows.

    Raises:
        RunError: the weights are there, but damaged.
    """
    if folder.weights.exists():
        run = load_run(folder.path)
        model, in_channels, image_size = run.model, run.in_channels, run.crop_size
    else:
        images = images_of(folder) if images_of else None
        if images is None:
            return None
        in_channels, image_size = images
        config = folder.config.model
        model = create_model(
            config.name,
            in_channels=in_channels,
            num_classes=num_classes,
            image_size=image_size,
            **config.args,
        ).eval()
    return Shape(
        parts=tuple(structure(model, in_channels=in_channels, image_size=image_size)),
        layers=layer_table(model, in_channels=in_channels, image_size=image_size),
        image_size=image_size,
        in_channels=in_channels,
    )


def network_diagram(network: NetworkFacts, text: Text, form: Form = SCREEN) -> Picture | None:
    """Return the diagram of a network in a form; None where its layers are not known."""
    shape = network.shape
    if shape is None:
        return None
    return diagram(
        shape.parts,
        in_channels=shape.in_channels,
        image_size=shape.image_size,
        text=text,
        form=form,
    )
