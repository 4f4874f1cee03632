"""Every network of the registry becomes an int8 file that can be read and answers like the network.

Weights are random here: images hardly differ in their logits, and int8 may tell them apart otherwise. So this
shows that every layer is quantized with ranges that fit, for any number of images; what int8 costs in
accuracy is for the gate to say, of a network that has learned (test_trained_network.py).
"""

import numpy as np
import onnx
import pytest
from exported import CASES, make_run, model_of, network_logits, noise_for

from cnnlab.export import load_export
from cnnlab.export.describe import describe_run
from cnnlab.export.int8 import QUANTIZED, quantized
from cnnlab.export.sealed import seal

LARGEST_ERROR = 0.2
"""Of the standard deviation of all logits, root mean square: two to three times what is measured."""


@pytest.mark.parametrize(("network", "args"), CASES)
def test_every_layer_is_quantized_and_logits_are_close(network, args, tmp_path):
    run = make_run(tmp_path, network, args=args)
    inputs = run.preparation.inputs(noise_for(run, 16))
    model = quantized(model_of(run), inputs)
    assert not layers_in_float(model)
    model.ClearField("metadata_props")
    path = tmp_path / "made-int8.onnx"
    path.write_bytes(seal(model.SerializeToString(), describe_run(run, precision="int8")))
    exported = load_export(path, threads=1)
    assert (exported.precision, exported.network) == ("int8", network)
    expected = network_logits(run, inputs[:5])
    for num in (5, 1):
        logits = exported.logits(inputs[:num])
        assert logits.shape == (num, 10) and np.isfinite(logits).all()
        assert np.sqrt(np.mean((logits - expected[:num]) ** 2)) < LARGEST_ERROR * expected.std()


def layers_in_float(model: onnx.ModelProto) -> list[str]:
    """Names of layers whose weights are not made from int8, LRN's sums of squares apart."""
    made_by = {name: node.op_type for node in model.graph.node for name in node.output}
    layers = [node for node in model.graph.node if node.op_type in QUANTIZED]
    assert layers
    return [
        node.name
        for node in layers
        if made_by.get(node.input[1]) != "DequantizeLinear" and not node.name.endswith("_energy")
    ]
