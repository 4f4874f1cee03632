"""Networks of each kind have the same logits as a `.pt2` program, for any number of images."""

import numpy as np
import pytest
import torch
from exported import make_run

from cnnlab.export.pt2 import own_pt2, pt2_bytes

NETWORKS = [
    ("alexnet_mnist3", {}),
    ("convnet_cifar10", {"depth": 3, "activation": "relu"}),
    ("googlenet_small", {}),
    ("preact_resnet20", {}),
    ("resnet20", {}),
    ("resnet20", {"shortcut": "B"}),
]


@pytest.mark.parametrize(("network", "args"), NETWORKS)
def test_logits_are_those_of_the_network(network, args, tmp_path):
    run = make_run(tmp_path, network, args=args)
    path = tmp_path / "made.pt2"
    path.write_bytes(pt2_bytes(run))
    forward = own_pt2(path)
    shape = (5, run.in_channels, run.crop_size, run.crop_size)
    inputs = np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
    with torch.inference_mode():
        expected = run.model(torch.from_numpy(inputs)).numpy()
    for num in (1, 5):
        np.testing.assert_allclose(forward(inputs[:num]), expected[:num], rtol=1e-4, atol=1e-4)
