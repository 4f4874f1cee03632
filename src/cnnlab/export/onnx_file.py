"""Layers as an ONNX model: opset 20, float32, any batch size, N x C x H x W."""

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
        operator, attributes, constants = _operator_of(layer)
        arrays = {f"{layer.name}.{name}": values for name, values in constants.items()}
        initializers += [onnx.numpy_helper.from_array(values, name) for name, values in arrays.items()]
        taken = [renamed.get(name, name) for name in layer.inputs]
        put_out = [renamed.get(layer.name, layer.name)]
        nodes.append(
            helper.make_node(operator, [*taken, *arrays], put_out, name=f"node_{layer.name}", **attributes)
        )
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
        case "lrn":
            # ONNX divides alpha by the size.
            attributes = {
                "alpha": values["alpha"] * values["size"],
                "beta": values["beta"],
                "bias": values["k"],
            }
            return "LRN", {"size": values["size"], **attributes}, {}
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
