"""A network as a list of layers: what every form of export is written from.

Torch's tracer follows the forward pass in evaluation mode. What only matters in training (dropout, kernels
that learn, running moments) is gone then, and batch norm behind a convolution has become part of its weights.
"""

import copy
import operator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, fx, nn
from torch.fx.passes.shape_prop import ShapeProp
from torch.nn import functional

from cnnlab.export.pooling import pooling_of
from cnnlab.nn import FusedSequential, LocalResponseNorm

Array = NDArray[np.float32]

ACTIVATIONS: dict[type[nn.Module], str] = {
    nn.ReLU: "relu",
    nn.Tanh: "tanh",
    nn.Sigmoid: "sigmoid",
    nn.GELU: "gelu",
}
_SINGLE = (
    *ACTIVATIONS,
    nn.Conv2d,
    nn.Linear,
    nn.BatchNorm2d,
    LocalResponseNorm,
    nn.Flatten,
    nn.Dropout,
    nn.Identity,
)
_POOLING = (nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d)


@dataclass(frozen=True)
class Layer:
    """One step of a forward pass.

    Attributes:
        kind: `conv`, `scale`, `relu`, `tanh`, `sigmoid`, `gelu`, `max_pool`, `avg_pool`, `global_max`,
            `global_avg`, `lrn`, `add`, `concat`, `subsample`, `pad_channels`, `flatten` or `dense`.
        name: of what it puts out.
        inputs: the names of what it takes.
        shape: of what it puts out, without the batch: C x H x W, or one length.
        values: its constants. `conv` and pooling have `stride` (down, right) and `padding` (top, left,
            bottom, right), `conv` has `groups`, pooling `kernel`; averages leave the padding out.
        weights: its weights: `weight` and `bias` of `conv` (K x C/groups x h x w) and `dense` (out x in),
            `scale` and `shift` of `scale` (C).
    """

    kind: str
    name: str
    inputs: tuple[str, ...]
    shape: tuple[int, ...]
    values: dict[str, Any] = field(default_factory=dict)
    weights: dict[str, Array] = field(default_factory=dict)


@dataclass(frozen=True)
class LayerGraph:
    """Layers in the order in which they are computed; the last one puts out the logits.

    Attributes:
        input: the name of the images.
        input_shape: C x H x W.
        layers: at least one.
    """

    input: str
    input_shape: tuple[int, int, int]
    layers: tuple[Layer, ...]


def graph_of(network: nn.Module, *, in_channels: int, image_size: int) -> LayerGraph:
    """Return the layers of a network in evaluation mode.

    Args:
        network: of the registry, on the CPU, float32.
        in_channels: of the images it takes.
        image_size: their height and width, in pixels.
    """
    network = copy.deepcopy(network).eval()
    traced = fx.GraphModule(network, _Tracer().trace(network))
    with torch.inference_mode():
        ShapeProp(traced).propagate(torch.zeros(1, in_channels, image_size, image_size))
    modules: dict[str, nn.Module] = dict(traced.named_modules())
    names: dict[fx.Node, str] = {}
    layers: list[Layer] = []
    image_name = ""
    for node in traced.graph.nodes:
        if node.op == "placeholder":
            image_name = names[node] = node.name
        elif node.op == "output":
            assert isinstance(node.args[0], fx.Node) and names[node.args[0]] == layers[-1].name
        else:
            layer = _layer_of(node, modules, names)
            names[node] = layer.name if layer else names[node.args[0]]
            layers += [layer] if layer else []
    return LayerGraph(image_name, (in_channels, image_size, image_size), _folded(layers))


class _Tracer(fx.Tracer):
    """Follows the forward pass down to the layers that a graph consists of."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, (*_SINGLE, *_POOLING))

    def call_module(self, m: nn.Module, forward: Any, args: Any, kwargs: Any) -> Any:
        if isinstance(m, FusedSequential):  # which looks at the maps to choose a kernel
            return nn.Sequential.forward(m, *args)
        return super().call_module(m, forward, args, kwargs)


def _layer_of(node: fx.Node, modules: dict[str, nn.Module], names: dict[fx.Node, str]) -> Layer | None:
    """Return the layer of a node; None where it leaves its input as it is."""
    parts = node.args[0] if node.target is torch.cat else node.args
    assert isinstance(parts, list | tuple)
    inputs = [part for part in parts if isinstance(part, fx.Node)]
    taken = tuple(names[one] for one in inputs)
    shape, shape_in = _shape(node), _shape(inputs[0])
    if node.op == "call_module":
        module = modules[str(node.target)]
        if isinstance(module, nn.Dropout | nn.Identity):
            return None
        kind, values, weights = _of_module(module, shape_in, shape)
        # fx has lines in place of dots, and a number where the module has run before
        path = str(node.target)
        name = path + node.name.removeprefix(path.replace(".", "_"))
        return Layer(kind, name, taken, shape, values, weights)
    if node.target is torch.cat:
        assert node.kwargs.get("dim", node.args[1] if len(node.args) > 1 else 0) == 1, node.format_node()
        return Layer("concat", node.name, taken, shape)
    if node.target is operator.add:
        assert len(inputs) == 2, node.format_node()
        return Layer("add", node.name, taken, shape)
    if node.target is operator.getitem:
        places: Any = node.args[1]
        batch, channels, rows, cols = places
        assert batch == channels == slice(None) and rows == cols == slice(None, None, rows.step)
        return None if rows.step == 1 else Layer("subsample", node.name, taken, shape, {"stride": rows.step})
    assert node.target is functional.pad, f"no export of {node.format_node()}"
    pads = node.args[1]
    assert isinstance(pads, tuple) and pads[:4] == (0, 0, 0, 0)
    return Layer("pad_channels", node.name, taken, shape, {"before": pads[4], "after": pads[5]})


def _of_module(
    module: nn.Module, shape_in: tuple[int, ...], shape: tuple[int, ...]
) -> tuple[str, dict[str, Any], dict[str, Array]]:
    """Return kind, values and weights."""
    if type(module) in ACTIVATIONS:
        assert getattr(module, "approximate", "none") == "none"
        return ACTIVATIONS[type(module)], {}, {}
    if isinstance(module, nn.Conv2d):
        down, right = (int(side) for side in module.padding)
        assert module.dilation == (1, 1) and module.padding_mode == "zeros"
        values = {"stride": module.stride, "padding": (down, right, down, right), "groups": module.groups}
        return "conv", values, _weight_and_bias(module.weight, module.bias)
    if isinstance(module, nn.Linear):
        return "dense", {}, _weight_and_bias(module.weight, module.bias)
    if isinstance(module, nn.BatchNorm2d):
        return "scale", {}, _scale_and_shift(module)
    if isinstance(module, LocalResponseNorm):
        values = {"size": module.size, "alpha": module.alpha, "beta": module.beta, "k": module.k}
        return "lrn", values, {}
    if isinstance(module, nn.Flatten):
        assert (module.start_dim, module.end_dim) == (1, -1)
        return "flatten", {}, {}
    kind, values = pooling_of(module, shape_in, shape)
    return kind, values, {}


def _scale_and_shift(norm: nn.BatchNorm2d) -> dict[str, Array]:
    """Return what batch norm does in evaluation: maps * scale + shift."""
    assert norm.running_mean is not None and norm.running_var is not None
    scale = (norm.running_var.double() + norm.eps).rsqrt()
    scale = scale if norm.weight is None else scale * norm.weight.double()
    shift = -norm.running_mean.double() * scale
    shift = shift if norm.bias is None else shift + norm.bias.double()
    return {"scale": _array(scale), "shift": _array(shift)}


def _folded(layers: list[Layer]) -> tuple[Layer, ...]:
    """Make scales that directly follow a convolution a part of its weights."""
    by_name = {layer.name: layer for layer in layers}
    uses = [name for layer in layers for name in layer.inputs]
    renamed: dict[str, str] = {}
    for layer in layers:
        before = by_name.get(layer.inputs[0])
        if layer.kind == "scale" and before and before.kind == "conv" and uses.count(before.name) == 1:
            scale, shift = (layer.weights[name].astype(np.float64) for name in ("scale", "shift"))
            weight = before.weights["weight"] * scale[:, None, None, None]
            bias = before.weights.get("bias", np.float32(0)) * scale + shift
            weights = {"weight": weight.astype(np.float32), "bias": bias.astype(np.float32)}
            by_name[before.name] = replace(before, weights=weights)
            renamed[layer.name] = before.name
    kept = (by_name[layer.name] for layer in layers if layer.name not in renamed)
    return tuple(
        replace(layer, inputs=tuple(renamed.get(name, name) for name in layer.inputs)) for layer in kept
    )


def _weight_and_bias(weight: Tensor, bias: Tensor | None) -> dict[str, Array]:
    return {"weight": _array(weight)} | ({} if bias is None else {"bias": _array(bias)})


def _array(tensor: Tensor) -> Array:
    return tensor.detach().to(torch.float32).contiguous().numpy()


def _shape(node: fx.Node) -> tuple[int, ...]:
    return tuple(node.meta["tensor_meta"].shape[1:])
