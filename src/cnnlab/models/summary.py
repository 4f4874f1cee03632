"""The table of a network's layers: output shapes, parameters and multiply-adds."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from cnnlab.errors import ConfigError
from cnnlab.models.registry import create_model, may_be_large, model_info


@dataclass(frozen=True)
class LayerRow:
    """One layer at work.

    Attributes:
        name: dotted place in the network, such as `features.conv1`.
        kind: the layer's class, such as `Conv2d`.
        output_shape: without the batch: channels, height, width, or the number of values.
        parameters: trainable numbers in it.
        macs: multiply-adds for one image, of convolutions and dense layers; one MAC is two FLOPs.
    """

    name: str
    kind: str
    output_shape: tuple[int, ...]
    parameters: int
    macs: int

    @property
    def tutorial_shape(self) -> str:
        """The shape as TensorFlow tutorials print it, channels last: `[N, 28, 28, 64]`."""
        channels, *place = self.output_shape
        return f"[{', '.join(['N', *map(str, place), str(channels)])}]"


@dataclass(frozen=True)
class LayerTable:
    """All layers of a network in the order in which they run.

    Attributes:
        rows: one per layer that has no layers of its own and does something.
        parameters: trainable numbers in the whole network.
        training_parameters: those of them that work in training only, in auxiliary heads: no row has them.
        macs: multiply-adds of convolutions and dense layers for one image. Biases, activations, poolings,
            normalisations and additions are not counted, as papers do not count them.
    """

    rows: tuple[LayerRow, ...]
    parameters: int
    training_parameters: int
    macs: int


def layers_of(
    name: str,
    arguments: Mapping[str, Any] | None = None,
    *,
    in_channels: int | None = None,
    num_classes: int | None = None,
    image_size: int | None = None,
) -> LayerTable:
    """Return the layers of a network by its name; no size fills the memory.

    Args:
        name: a name that `list_models` returns.
        arguments: the network's own arguments, `model_info(name).arguments`.
        in_channels: channels of the images; what the network was made for if not given.
        num_classes: how many logits it puts out; as many as the network was made for if not given.
        image_size: height and width of the images, in pixels; what the network was made for if not given.

    Raises:
        ConfigError: the name, or the name or value of an argument, is wrong.
        GeometryError: the images are too small for the network.
    """
    info = model_info(name)
    given = {"in_channels": in_channels, "num_classes": num_classes, "image_size": image_size}
    if taken := given.keys() & (arguments or {}).keys():
        raise ConfigError(
            f"{name}: {min(taken)} is no argument of the network's own, but has its own option."
        )
    num_classes = info.num_classes if num_classes is None else num_classes
    in_channels = info.in_channels if in_channels is None else in_channels
    image_size = info.image_size if image_size is None else image_size
    # On `meta` there are shapes without numbers. Going there takes a second, which small networks need not.
    is_large = info.is_large or may_be_large(
        [*(arguments or {}).values(), in_channels, num_classes, image_size]
    )
    with torch.device("meta" if is_large else "cpu"):
        network = create_model(
            name,
            in_channels=in_channels,
            num_classes=num_classes,
            image_size=image_size,
            **(arguments or {}),
        )
        return layer_table(network, in_channels=in_channels, image_size=image_size)


def layer_table(network: nn.Module, *, in_channels: int, image_size: int) -> LayerTable:
    """Run one black image through a network and note what each layer puts out.

    The network runs in evaluation mode, without auxiliary heads, and is left as it was.

    Args:
        network: any network that takes N x C x H x W images.
        in_channels: channels of the image.
        image_size: height and width of the image, in pixels.
    """
    rows: list[LayerRow] = []

    def watch(name: str, layer: nn.Module) -> RemovableHandle:
        def note(_layer: nn.Module, _inputs: Any, output: Tensor) -> None:
            shape = tuple(output.shape[1:])
            rows.append(LayerRow(name, type(layer).__name__, shape, _count(layer), _macs(layer, shape)))

        return layer.register_forward_hook(note)

    modes = [(module, module.training) for module in network.modules()]
    handles = [watch(name, layer) for name, layer in network.named_modules() if _is_shown(layer)]
    weight = next(network.parameters())
    image = torch.zeros(1, in_channels, image_size, image_size, device=weight.device, dtype=weight.dtype)
    try:
        network.eval()
        with torch.no_grad():
            network(image)
    finally:
        for handle in handles:
            handle.remove()
        for module, training in modes:
            module.training = training
    auxiliary = getattr(network, "auxiliary", None)
    training_parameters = _count(auxiliary) if isinstance(auxiliary, nn.Module) else 0
    return LayerTable(tuple(rows), _count(network), training_parameters, sum(row.macs for row in rows))


def _is_shown(layer: nn.Module) -> bool:
    """Return whether a layer has no layers of its own and does something."""
    return next(layer.children(), None) is None and not isinstance(layer, nn.Identity)


def _count(layer: nn.Module) -> int:
    """Return how many trainable numbers there are."""
    return sum(parameter.numel() for parameter in layer.parameters())


def _macs(layer: nn.Module, output_shape: tuple[int, ...]) -> int:
    """Return the multiply-adds of a convolution or dense layer for one image; 0 for other layers."""
    if isinstance(layer, nn.Conv2d | nn.Linear):
        products_per_output = math.prod(layer.weight.shape[1:])
        return math.prod(output_shape) * products_per_output
    return 0
