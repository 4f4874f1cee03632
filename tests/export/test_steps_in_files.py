"""What steps of a run put out is what the steps of the same names put out in its exported file."""

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from exported import make_run, model_of

from cnnlab.explain import network_inputs
from cnnlab.explain.steps import steps

NETWORKS = [
    ("googlenet_small", {}, 1),
    ("preact_resnet20", {}, 3),
    ("resnet20", {"shortcut": "A"}, 3),
    ("resnet20", {"shortcut": "B"}, 3),
    ("alexnet_mnist3", {}, 1),
]
SHOWN = ("Conv", "Relu", "MaxPool", "AveragePool", "GlobalAveragePool", "BatchNormalization", "Add", "Concat")


@pytest.mark.parametrize("network, args, channels", NETWORKS)
def test_steps_have_the_names_and_values_of_the_exported_file(network, args, channels, tmp_path):
    run = make_run(tmp_path, network, args=args, channels=channels)
    image = torch.randint(0, 256, (channels, run.image_size, run.image_size), dtype=torch.uint8)
    found = steps(run, image)
    by_name = {one.name: one for one in found}
    model = model_of(run)
    nodes = {
        node.output[0]: node.op_type
        for node in model.graph.node
        if node.op_type in SHOWN and not any(".window" in name for name in node.input)
    }
    for name in nodes:
        model.graph.output.append(onnx.ValueInfoProto(name=name))
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    outputs = session.run(list(nodes), {"images": network_inputs(run, image[None]).contiguous().numpy()})
    for (name, operator), values in zip(nodes.items(), outputs, strict=True):
        own = by_name[name]
        if operator == "Conv":  # batch norm may be part of it there
            norms = (one for one in found if one.kind == "BatchNorm2d" and own.name in one.inputs)
            own = next((one for one in norms if one.name not in nodes), own)
        ours = own.values.numpy()
        assert np.abs(ours - values[0]).max() < 1e-4 * max(1, np.abs(ours).max()), name
