"""Every network of the registry has the same logits as an ONNX model."""

import time

import numpy as np
import onnxruntime
import pytest
import torch
from exported import CASES, export_to, gate_problem, make_run, model_of, noise_for
from onnx import TensorProto, helper
from torch import nn

from cnnlab.errors import ExportError
from cnnlab.export import load_export
from cnnlab.export.graph import Layer, LayerGraph
from cnnlab.export.onnx_file import onnx_model
from cnnlab.export.pooling import pooling_of
from cnnlab.nn import LocalResponseNorm

VARIANTS = [
    (
        "alexnet_mnist3",
        {"groups": 2, "lrn_place": "before-pool", "pool": "average", "overlapping_pool": True},
    ),
    ("alexnet_mnist3", {"activation": "sigmoid", "pool": "average", "lrn": False}),
    ("resnet20", {"shortcut": "B"}),
    ("preact_resnet20", {"residual": False, "activation": "tanh"}),
    ("convnet_cifar10", {"depth": 3, "activation": "relu"}),
]


@pytest.mark.parametrize(("network", "args"), [*CASES, *VARIANTS])
def test_logits_are_those_of_the_network(network, args, tmp_path):
    run = make_run(tmp_path, network, args=args)
    exported = load_export(export_to(tmp_path / "made.onnx", run), threads=1)
    pixels = noise_for(run, 5)
    for num in (5, 1):
        logits = exported.logits(run.preparation.inputs(pixels[:num]))
        assert not gate_problem(run, logits, pixels[:num])


def test_batch_norm_behind_a_convolution_is_part_of_its_weights(tmp_path):
    nodes = {node.op_type for node in model_of(make_run(tmp_path, "resnet20")).graph.node}
    assert "BatchNormalization" not in nodes and "Conv" in nodes


@pytest.mark.parametrize("kind", ["Avg", "Max"])
def test_adaptive_pooling_is_pooling_by_windows_of_one_size(kind):
    pool = getattr(nn, f"Adaptive{kind}Pool2d")(3)
    found, values = pooling_of(pool, (2, 6, 12), (2, 3, 3))
    assert found == f"{kind.lower()}_pool" and values["padding"] == (0, 0, 0, 0)
    maps = torch.randn(1, 2, 6, 12)
    plain = getattr(nn, f"{kind}Pool2d")(values["kernel"], values["stride"])
    torch.testing.assert_close(plain(maps), pool(maps))


def test_adaptive_pooling_by_windows_of_several_sizes_is_refused():
    with pytest.raises(ExportError, match="pooling from 7 x 7 to 6 x 6 pixels has windows of several sizes"):
        pooling_of(nn.AdaptiveAvgPool2d(6), (256, 7, 7), (256, 6, 6))


# --- local response normalisation ---------------------------------------------------------------------------


def norm_session(channels: int, size: int, **constants: float) -> onnxruntime.InferenceSession:
    layer = Layer("lrn", "norm", ("images",), (channels, 14, 14), {"size": size, **constants})
    model = onnx_model(LayerGraph("images", (channels, 14, 14), (layer,)))
    return session_of(model)


def session_of(model) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options)


@pytest.mark.parametrize("size", [1, 4, 5, 9, 40])
@pytest.mark.parametrize("beta", [0.75, 0.5])
def test_normalisation_across_channels_is_that_of_our_layer(size, beta):
    constants = {"alpha": 0.01, "beta": beta, "k": 2.0}
    maps = 10 * torch.randn(3, 16, 14, 14)
    (found,) = norm_session(16, size, **constants).run(None, {"images": maps.numpy()})
    assert np.abs(found - LocalResponseNorm(size, **constants)(maps).numpy()).max() < 1e-5


@pytest.mark.slow
@pytest.mark.parametrize(("channels", "size"), [(64, 9), (96, 5), (256, 9)])
def test_it_is_quicker_than_the_operator_of_onnx(channels, size):
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", channels, 14, 14]) for name in "ab"]
    node = helper.make_node("LRN", ["a"], ["b"], size=size, alpha=0.001, beta=0.75, bias=1.0)
    graph = helper.make_graph([node], "lrn", value[:1], value[1:])
    own = session_of(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9))
    ours = norm_session(channels, size, alpha=0.001 / size, beta=0.75, k=1.0)
    maps = np.random.default_rng(0).standard_normal((32, channels, 14, 14)).astype(np.float32)
    assert np.abs(own.run(None, {"a": maps})[0] - ours.run(None, {"images": maps})[0]).max() < 1e-5
    assert fastest(lambda: ours.run(None, {"images": maps})) < fastest(lambda: own.run(None, {"a": maps})) / 2


def fastest(act) -> float:
    seconds = []
    for _ in range(10):
        start = time.perf_counter()
        act()
        seconds.append(time.perf_counter() - start)
    return min(seconds)
