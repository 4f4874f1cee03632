"""Layers as an ONNX model: opset 20, float32, any batch size, N x C x H x W.

Local response normalisation is not written as ONNX's LRN, which ONNX Runtime computes on one thread, value by
value, but as a convolution of the squares with a band of ones and two square roots: 3 to 40 times faster
(tests/export/test_onnx_file.py measures both), and equal to rounding.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from cnnlab.errors import MissingResourceError
from cnnlab.export.description import INPUT, OUTPUT
from cnnlab.export.graph import Layer, LayerGraph

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto, TensorProto

OPSET = 20
"""The first that has Gelu; ONNX Runtime reads it from 1.17 on."""
IR_VERSION = 9
"""Of the file's form, which came with that opset."""

_PLAIN = {
    "relu": "Relu",
    "tanh": "Tanh",
    "sigmoid": "Sigmoid",
    "gelu": "Gelu",
    "global_max": "GlobalMaxPool",
    "global_avg": "GlobalAveragePool",
    "add": "Add",
}


def onnx_model(graph: LayerGraph) -> "ModelProto":
    """Return a model whose input is called `images` and whose output `logits`.

    Raises:
        MissingResourceError: onnx is not installed.
    """
    onnx = import_onnx()
    helper = onnx.helper
    final = graph.layers[-1]
    renamed = {graph.input: INPUT, final.name: OUTPUT}
    nodes: list[NodeProto] = []
    initializers: list[TensorProto] = []
    for layer in graph.layers:
        taken, put_out = (
            [renamed.get(name, name) for name in layer.inputs],
            renamed.get(layer.name, layer.name),
        )
        for operator, inputs, output, attributes, constants in _operators_of(layer, taken, put_out):
            arrays = {f"{layer.name}.{name}": values for name, values in constants.items()}
            initializers += [onnx.numpy_helper.from_array(values, name) for name, values in arrays.items()]
            name = f"node_{output}"
            nodes.append(helper.make_node(operator, [*inputs, *arrays], [output], name=name, **attributes))
    floats = onnx.TensorProto.FLOAT
    made = helper.make_graph(
        nodes,
        "cnnlab",
        [helper.make_tensor_value_info(INPUT, floats, ["N", *graph.input_shape])],
        [helper.make_tensor_value_info(OUTPUT, floats, ["N", *final.shape])],
        initializers,
    )
    opset = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(made, opset_imports=opset, ir_version=IR_VERSION, producer_name="cnnlab")
    onnx.checker.check_model(model)
    return model


def import_onnx() -> Any:
    """Return the package `onnx`.

    Raises:
        MissingResourceError: it is not installed.
    """
    try:
        import onnx
        import onnx.checker
        import onnx.helper
        import onnx.numpy_helper
    except ImportError:
        raise MissingResourceError(
            "export: needs onnx and onnxruntime, and onnx is not installed. Get them with: "
            "pip install 'cnnlab[export]'"
        ) from None
    return onnx


def band_of(channels: int, size: int, alpha: float) -> np.ndarray:
    """Return weights, C x C x 1 x 1, that sum over a window of channels, times alpha; see `nn.lrn`."""
    place = np.arange(channels)
    offset = place[None, :] - place[:, None]
    is_inside = (offset >= -(size // 2)) & (offset <= (size - 1) // 2)
    return (alpha * is_inside).astype(np.float32)[:, :, None, None]


def _operators_of(
    layer: Layer, taken: list[str], put_out: str
) -> list[tuple[str, list[str], str, dict[str, Any], dict[str, np.ndarray]]]:
    """Return, for each operator of a layer, its name, inputs, output, attributes and constants."""
    if layer.kind != "lrn":
        operator, attributes, constants = _operator_of(layer)
        return [(operator, taken, put_out, attributes, constants)]
    values, channels = layer.values, layer.shape[0]
    squares, energy, root, fourth, power = (
        f"{layer.name}_{part}" for part in ("squares", "energy", "root", "fourth", "power")
    )
    window = {
        "window": band_of(channels, values["size"], values["alpha"]),
        "k": np.full(channels, values["k"], dtype=np.float32),
    }
    by_roots = [
        ("Sqrt", [energy], root, {}, {}),
        ("Sqrt", [root], fourth, {}, {}),
        ("Mul", [root, fourth], power, {}, {}),
    ]
    by_power = [("Pow", [energy], power, {}, {"beta": np.array(values["beta"], dtype=np.float32)})]
    return [
        ("Mul", taken * 2, squares, {}, {}),
        ("Conv", [squares], energy, {"kernel_shape": [1, 1]}, window),
        *(by_roots if values["beta"] == 0.75 else by_power),
        ("Div", [*taken, power], put_out, {}, {}),
    ]


def _operator_of(layer: Layer) -> tuple[str, dict[str, Any], dict[str, np.ndarray]]:
    """Return operator, attributes and constants of a layer, the constants in the order of its inputs."""
    values, weights = layer.values, layer.weights
    match layer.kind:
        case "conv":
            window = list(weights["weight"].shape[2:])
            attributes = {"group": values["groups"], "kernel_shape": window} | _sliding(values)
            return "Conv", attributes, dict(weights)
        case "max_pool":
            return "MaxPool", {"kernel_shape": list(values["kernel"])} | _sliding(values), {}
        case "avg_pool":
            attributes = {"kernel_shape": list(values["kernel"]), "count_include_pad": 0}
            return "AveragePool", attributes | _sliding(values), {}
        case "dense":
            return "Gemm", {"transB": 1}, dict(weights)
        case "scale":
            zeros = np.zeros_like(weights["scale"])
            return "BatchNormalization", {"epsilon": 0.0}, {**weights, "mean": zeros, "var": zeros + 1}
        case "concat":
            return "Concat", {"axis": 1}, {}
        case "flatten":
            return "Flatten", {"axis": 1}, {}
        case "subsample":
            step, longest = values["stride"], np.iinfo(np.int64).max
            bounds = {"starts": [0, 0], "ends": [longest, longest], "axes": [2, 3], "steps": [step, step]}
            return "Slice", {}, {name: np.array(numbers, dtype=np.int64) for name, numbers in bounds.items()}
        case "pad_channels":
            pads = [0, values["before"], 0, 0, 0, values["after"], 0, 0]
            return "Pad", {}, {"pads": np.array(pads, dtype=np.int64)}
        case kind:
            return _PLAIN[kind], {}, {}


def _sliding(values: dict[str, Any]) -> dict[str, list[int]]:
    return {"strides": list(values["stride"]), "pads": list(values["padding"])}
