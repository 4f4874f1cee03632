"""A network as a row of parts, each with the shape of what it puts out: what a diagram shows."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from cnnlab.explain.inputs import outputs_of

QUIET = ("Identity", "Flatten")
BESIDE = ("ReLU", "Tanh", "Sigmoid", "GELU", "BatchNorm2d", "LocalResponseNorm", "Dropout")
"""Layers that change no shape and stand with the part before them."""


@dataclass(frozen=True)
class Part:
    """One step from the image to the logits.

    Attributes:
        name: of the layer, or of the block or stage.
        kind: `convolution`, `pooling`, `dense`, `block`, or the layer's class.
        window: side of its kernel or of what it pools, in pixels; 0 for all of a map, or for none.
        stride: of that window, in pixels.
        towers: groups of a convolution whose maps do not see each other's.
        pools: what pooling takes of a window: `largest` or `mean`; empty for other parts.
        convolutions: how many a block holds.
        shape: of what it puts out: channels, height, width; or the number of values.
        parameters: trainable numbers in it.
        beside: classes of layers behind it that change no shape, such as `ReLU`.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int
    window: int = 0
    stride: int = 1
    towers: int = 1
    pools: str = ""
    convolutions: int = 0
    beside: tuple[str, ...] = ()


@torch.no_grad()
def structure(network: nn.Module, *, in_channels: int, image_size: int) -> list[Part]:
    """Return the parts of a network in the order in which they run.

    Args:
        network: features and a head, in evaluation mode.
        in_channels: channels of the images.
        image_size: height and width that the network sees, in pixels.
    """
    layers = {
        f"{room}.{name}": layer
        for room in ("features", "head")
        for name, layer in network.get_submodule(room).named_children()
    }
    with outputs_of(layers) as outputs:
        network(torch.zeros(1, in_channels, image_size, image_size))
    parts: list[Part] = []
    for place, output in outputs.items():
        layer, name = layers[place], place.split(".", 1)[1]
        kind = type(layer).__name__
        if kind in QUIET:
            continue
        if kind in BESIDE and parts:
            last = parts[-1]
            parameters = last.parameters + _count(layer)
            parts[-1] = replace(last, parameters=parameters, beside=(*last.beside, kind))
        else:
            parts.append(_part(name, layer, output))
    return parts


def _part(name: str, layer: nn.Module, output: Tensor) -> Part:
    shape = tuple(output.shape[1:])
    part = Part(name, type(layer).__name__, shape if shape[1:] != (1, 1) else shape[:1], _count(layer))
    if isinstance(layer, nn.Conv2d):
        window, stride = _side(layer.kernel_size), _side(layer.stride)
        return replace(part, kind="convolution", window=window, stride=stride, towers=layer.groups)
    if isinstance(layer, nn.MaxPool2d | nn.AvgPool2d):
        pools = "largest" if isinstance(layer, nn.MaxPool2d) else "mean"
        window, stride = _side(layer.kernel_size), _side(layer.stride)
        return replace(part, kind="pooling", window=window, stride=stride, pools=pools)
    if isinstance(layer, nn.AdaptiveAvgPool2d | nn.AdaptiveMaxPool2d):
        pools = "mean" if isinstance(layer, nn.AdaptiveAvgPool2d) else "largest"
        return replace(part, kind="pooling", pools=pools)
    if isinstance(layer, nn.Linear):
        return replace(part, kind="dense")
    num = sum(isinstance(inner, nn.Conv2d) for inner in layer.modules())
    return replace(part, kind="block", convolutions=num) if num else part


def _side(value: object) -> int:
    side = value[0] if isinstance(value, tuple) else value
    assert isinstance(side, int)
    return side


def _count(layer: nn.Module) -> int:
    return sum(parameter.numel() for parameter in layer.parameters())
