"""Layers as they run, and the filters of the first."""

import torch
from made_run import made_run, some_images
from torch import nn

from cnnlab.explain import activations, first_filters


def test_every_layer_that_does_something_in_order():
    features = {
        "conv1": nn.Conv2d(1, 2, 3),
        "act1": nn.ReLU(),
        "drop": nn.Dropout(0.5),
        "same": nn.Identity(),
    }
    head = {"flatten": nn.Flatten(), "fc": nn.Linear(8, 3)}
    run = made_run(features, head, size=4)
    (image,) = some_images(1, 1, 4)
    layers = activations(run, image)
    assert [(layer.name, layer.kind) for layer in layers] == [
        ("features.conv1", "Conv2d"),
        ("features.act1", "ReLU"),
        ("head.fc", "Linear"),
    ]
    conv, act, fc = (layer.values for layer in layers)
    assert conv.shape == (2, 2, 2) and fc.shape == (3,)
    assert torch.equal(act, conv.clamp_min(0))
    expected = run.model(image[None] / 255)[0]
    torch.testing.assert_close(fc, expected)
    assert not any(layer._forward_hooks for layer in run.model.modules())


def test_filters_of_the_first_convolution():
    features = {"block": nn.Sequential(nn.Conv2d(3, 5, 3, padding=1)), "conv2": nn.Conv2d(5, 2, 1)}
    run = made_run(features, {"flatten": nn.Flatten(), "fc": nn.Linear(32, 2)}, size=4, channels=3)
    name, kernels = first_filters(run)
    assert name == "features.block.0" and kernels.shape == (5, 3, 3, 3)
