"""A network as a row of parts, each with the shape of what it puts out: what a diagram shows."""

from dataclasses import dataclass

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
        detail: kernel and stride, or what a block holds, in a few words.
        shape: of what it puts out: channels, height, width; or the number of values.
        parameters: trainable numbers in it.
        beside: classes of layers behind it that change no shape, such as `ReLU`.
    """

    name: str
    kind: str
    detail: str
    shape: tuple[int, ...]
    parameters: int
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
            last = parts.pop()
            parameters = last.parameters + _count(layer)
            beside = (*last.beside, kind)
            parts.append(Part(last.name, last.kind, last.detail, last.shape, parameters, beside))
        else:
            parts.append(_part(name, layer, output))
    return parts


def _part(name: str, layer: nn.Module, output: Tensor) -> Part:
    kind, detail = _described(layer)
    shape = tuple(output.shape[1:])
    return Part(name, kind, detail, shape if shape[1:] != (1, 1) else shape[:1], _count(layer))


def _described(layer: nn.Module) -> tuple[str, str]:
    if isinstance(layer, nn.Conv2d):
        towers = f", {layer.groups} towers" if layer.groups > 1 else ""
        return "convolution", _window(layer.kernel_size, layer.stride) + towers
    if isinstance(layer, nn.MaxPool2d | nn.AvgPool2d):
        what = "largest" if isinstance(layer, nn.MaxPool2d) else "mean"
        return "pooling", f"{what} of {_window(layer.kernel_size, layer.stride)}"
    if isinstance(layer, nn.AdaptiveAvgPool2d | nn.AdaptiveMaxPool2d):
        return "pooling", "mean of all" if isinstance(layer, nn.AdaptiveAvgPool2d) else "largest of all"
    if isinstance(layer, nn.Linear):
        return "dense", ""
    num = sum(isinstance(inner, nn.Conv2d) for inner in layer.modules())
    if num:
        return "block", f"{num} convolution{'s' * (num > 1)}"
    return type(layer).__name__, ""


def _window(kernel: object, stride: object) -> str:
    side = kernel[0] if isinstance(kernel, tuple) else kernel
    step = stride[0] if isinstance(stride, tuple) else stride
    return f"{side}x{side}" + (f", stride {step}" if step != 1 else "")


def _count(layer: nn.Module) -> int:
    return sum(parameter.numel() for parameter in layer.parameters())
