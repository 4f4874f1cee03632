"""What each layer of a network makes of an image, and the filters of its first convolution."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from cnnlab.evaluation import Run
from cnnlab.explain.inputs import network_inputs, outputs_of

SILENT = (nn.Identity, nn.Dropout, nn.Flatten)
"""Layers that change nothing outside training."""


@dataclass(frozen=True)
class LayerOutput:
    """What one layer makes of one image.

    Attributes:
        name: dotted place in the network, such as `features.conv1`.
        kind: the layer's class, such as `Conv2d`.
        values: C x h x w, or the values of a dense layer.
    """

    name: str
    kind: str
    values: Tensor


@torch.no_grad()
def activations(run: Run, image: Tensor) -> list[LayerOutput]:
    """Return what every layer that does something puts out, in the order in which they run.

    Args:
        run: a finished run.
        image: C x H x W, uint8, of the run's form.

    Raises:
        DataError: the image is of another shape.
    """
    layers = layers_of(run.model)
    with outputs_of(layers) as outputs:
        run.model(network_inputs(run, image[None]))
    return [
        LayerOutput(name, type(layers[name]).__name__, output[0].float().cpu())
        for name, output in outputs.items()
    ]


def first_filters(run: Run) -> tuple[str, Tensor]:
    """Return the name and the kernels, K x C x k x k, of the first convolution."""
    for name, layer in run.model.named_modules():
        if isinstance(layer, nn.Conv2d):
            return name, layer.weight.detach().float().cpu()
    raise AssertionError("every network here begins with a convolution")


def layers_of(model: nn.Module) -> dict[str, nn.Module]:
    """Return the layers of a network that do something outside training, by name."""
    return {name: layer for name, layer in model.named_modules() if _does_something(layer)}


def _does_something(layer: nn.Module) -> bool:
    name = type(layer).__name__
    is_leaf = next(layer.children(), None) is None
    return is_leaf and not isinstance(layer, SILENT) and name != "Dropout"
