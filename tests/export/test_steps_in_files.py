"""What steps of a run put out is what the steps of the same names put out in its exported file."""

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from exported import make_run, model_of

from cnnlab.explain import network_inputs
from cnnlab.explain.steps import steps

NETWORKS = [("googlenet_small", 1), ("preact_resnet20", 3), ("resnet20", 3), ("alexnet_mnist3", 1)]
SHOWN = ("Conv", "Relu", "MaxPool", "AveragePool", "GlobalAveragePool", "BatchNormalization", "Add", "Concat")


@pytest.mark.parametrize("network, channels", NETWORKS)
def test_steps_have_the_names_and_values_of_the_exported_file(network, channels, tmp_path):
    run = make_run(tmp_path, network, channels=channels)
    image = torch.randint(0, 256, (channels, run.image_size, run.image_size), dtype=torch.uint8)
    found = steps(run, image)
    by_name = {one.name.replace(".", "_"): place for place, one in enumerate(found)}
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
        place = by_name[name]
        after = found[place + 1]
        is_folded = operator == "Conv" and after.kind == "BatchNorm2d"
        if is_folded and after.name.replace(".", "_") not in nodes:
            place += 1  # batch norm is part of the convolution there
        ours = found[place].values.numpy()
        assert np.abs(ours - values[0]).max() < 1e-4 * max(1, np.abs(ours).max()), name
