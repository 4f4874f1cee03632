"""Every network of the registry has the same logits as a `.pt2` program, for any number of images."""

import pytest
from exported import CASES, gate_problem, make_run, noise_for

from cnnlab.export.pt2 import own_pt2, pt2_bytes

VARIANTS = [("convnet_cifar10", {"depth": 3, "activation": "relu"}), ("resnet20", {"shortcut": "B"})]


@pytest.mark.parametrize(("network", "args"), [*CASES, *VARIANTS])
def test_logits_are_those_of_the_network(network, args, tmp_path):
    run = make_run(tmp_path, network, args=args)
    path = tmp_path / "made.pt2"
    path.write_bytes(pt2_bytes(run))
    forward = own_pt2(path)
    pixels = noise_for(run, 5)
    for num in (5, 1):
        assert not gate_problem(run, forward(run.preparation.inputs(pixels[:num])), pixels[:num])
