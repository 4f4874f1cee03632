"""The tutorials' networks at fixed weights: logits, loss and gradient are TensorFlow's."""

from collections.abc import Callable

import pytest
import torch
from golden_cases import LABELS, NETWORK_CASES, NetworkCase, network_images
from layouts import network_with_weights, to_nchw, to_oihw, to_out_in
from torch.nn import functional

from cnnlab.nn import LocalResponseNorm

NAMES = {
    "a3-256": "`alexnet_mnist3`",
    "a3-1024": "`alexnet_mnist3`, `dense2=1024`",
    "a5": "`alexnet_mnist5`",
    "a5-lrn": "`alexnet_mnist5`, `lrn=true`",
    "c2": "`convnet_mnist`",
}
WEIGHTS = {"scaled": "scaled weights", "standard-normal": "N(0, 1)", "truncated-normal": "N(0, 0.1), cut"}


@pytest.mark.parametrize("case", NETWORK_CASES, ids=lambda case: case.key)
def test_logits_loss_and_gradient_are_tensorflows(
    case: NetworkCase, stored: Callable, agree: Callable
) -> None:
    arrays = stored("networks")
    network = network_with_weights(case)
    logits = network(to_nchw(network_images()))
    loss = functional.cross_entropy(logits, torch.tensor(LABELS))
    (grad,) = torch.autograd.grad(loss, network.get_parameter("features.conv1.weight"))
    what = f"{NAMES[case.name]}, {WEIGHTS[case.weights]}"
    agree(f"{what}: logits", logits, arrays[f"{case.key}-logits"], within=1e-5)
    agree(f"{what}: loss", loss, arrays[f"{case.key}-loss"], within=1e-5)
    # A gradient jumps where ReLU or a pooling decides: of half a million decisions one can lie within
    # rounding, and then one pixel's share, 0.003 or so, moves. Float64 can disagree with either side.
    theirs = to_oihw(arrays[f"{case.key}-grad"])
    agree(f"{what}: gradient by the first kernel", grad, theirs, within=1e-2)
    norms = [layer for layer in network.modules() if isinstance(layer, LocalResponseNorm)]
    for norm in norms:  # logits tell a network that does not normalise
        norm.alpha = 0.0
    if norms:
        expected = arrays[f"{case.key}-logits"]
        plain = network(to_nchw(network_images())).detach().numpy()
        assert abs(plain - expected).max() > 10 * 1e-5 * abs(expected).max()


def test_scaled_weights_give_logits_near_1_and_the_tutorials_thousands(stored: Callable) -> None:
    arrays = stored("networks")
    for case in NETWORK_CASES:
        largest = abs(arrays[f"{case.key}-logits"]).max()
        if case.weights == "scaled":
            assert 0.3 < largest < 10, case.key
        elif case.weights == "standard-normal":
            assert largest > 1000, case.key


def test_transposing_the_first_dense_layer_alone_gives_other_logits(stored: Callable) -> None:
    case = NETWORK_CASES[0]
    network = network_with_weights(case)
    network.get_parameter("head.fc1.weight").data = to_out_in(case.layers()["fc1"][0])
    logits = network(to_nchw(network_images())).detach()
    theirs = torch.from_numpy(stored("networks")[f"{case.key}-logits"])
    assert (logits - theirs).abs().max() > 0.1 * theirs.abs().max()
