"""Where a step goes: every layer once, those of one pass together, and what is left over."""

import pytest
import torch
from torch import nn

from cnnlab.bench import Breakdown, break_down, breakdown, breakdown_table
from cnnlab.bench.breakdown import PartTime, _num_in_one_pass
from cnnlab.config import RunConfig
from cnnlab.data import load_data
from cnnlab.nn import Conv2d
from cnnlab.training import TrainingLap

PARTS = (
    PartTime("batch and augmentation", "", 0.01, 0.0),
    PartTime("conv", "Conv2d", 0.02, 0.04, flops=600_000_000, passes=3),
    PartTime("act", "ReLU", 0.01, 0.01),
    PartTime("rest", "", 0.01, 0.0),
)
RESULT = Breakdown("some", PARTS, step=0.1, rate=6e10)


def test_figures_by_hand():
    conv, act = RESULT.parts[1:3]
    # 3 x 6e8 FLOPs in 0.06 s are 3e10 a second
    assert RESULT.share_of_rate(conv) == pytest.approx(0.5) and RESULT.share_of_rate(act) is None
    value = RESULT.as_dict()["parts"][1]
    assert (value["forward_s"], value["share_of_step"]) == (0.02, pytest.approx(0.6))
    header, rows, (note,) = breakdown_table(RESULT)
    assert dict(zip(header, rows[1], strict=True)) == {
        "part": "conv",
        "layer": "Conv2d",
        "forward, ms": "20.00",
        "backward, ms": "40.00",
        "of the step": "60%",
        "of the matrix rate": "50%",
    }
    assert rows[0][3] == rows[0][5] == "" and "100.0 ms" in note and "60 GFLOP/s" in note


@pytest.fixture
def lap(monkeypatch):
    """Training of a network with a part for everything: `network` by name."""
    monkeypatch.setattr(breakdown, "matrix_rate", lambda precision, device: 1e9)

    def make(name, precision="float32", **train):
        train = {"steps": 99, **train}
        values = {"threads": 1, "model": {"name": name}, "data": {"name": "digits"}, "train": train}
        values["precision"] = precision
        config = RunConfig.from_dict(values, source="test")
        return TrainingLap(config, load_data("digits", image_size=8)["train"])

    return make


@pytest.mark.parametrize("precision", ["float32", "bf16"])
@pytest.mark.usefixtures("kernels")
def test_layers_that_run_as_one_are_one_part(lap, precision):
    result = break_down("some", lap("convnet_mnist", precision), rounds=2)
    names = [part.name for part in result.parts]
    assert names[:3] == ["batch and augmentation", "features.conv1+act1+pool1", "features.conv2"]
    assert names[-2:] == ["update", "rest"] and len(set(names)) == len(names)
    conv1, conv2 = (
        part for part in result.parts if part.name.startswith(("features.conv1", "features.conv2"))
    )
    assert (conv1.kind, conv2.kind) == ("in one pass", "Conv2d")
    assert conv1.passes == 2 and conv2.passes == 3  # images need no gradient
    assert conv1.flops == 2 * 25 * 32 * 8 * 8 * 128  # 5x5, 32 maps of 8x8, steps of 128 images
    assert sum(part.seconds for part in result.parts) == pytest.approx(result.step)
    assert all(part.forward > 0 and part.backward >= 0 for part in result.parts[:-1])


@pytest.mark.usefixtures("kernels")
def test_batch_norm_is_a_part_of_what_it_runs_with(lap):
    names = [part.name for part in break_down("some", lap("convnet_fast"), rounds=1).parts]
    assert {"features.conv2+pool2", "features.norm3+act3"} < set(names)
    layers = [Conv2d(16, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(), nn.ReLU()]
    maps = torch.ones(2, 16, 8, 8).contiguous(memory_format=torch.channels_last)
    assert [_num_in_one_pass(some, maps) for some in (layers, layers[1:], layers[2:])] == [3, 2, 0]


def test_blocks_and_their_shortcuts_are_taken_apart(lap):
    names = [part.name for part in break_down("some", lap("resnet20"), rounds=1).parts]
    assert "features.stage2.block1.shortcut" in names and "features.stage1.block1.norm2" in names
    assert not any("identity" in name.lower() for name in names)


def test_the_network_goes_on_learning_as_if_nothing_had_been(lap):
    """Gradients of the parts, which are random numbers, reach no weight."""
    some = lap("convnet_mnist", batch_size=32)
    before = {name: value.clone() for name, value in some.model.state_dict().items()}
    break_down("some", some, rounds=1)
    learned = {name: (value - before[name]).abs().max() for name, value in some.model.state_dict().items()}
    assert all(0 < change < 0.1 for change in learned.values())
    assert all(parameter.grad is None for parameter in some.model.parameters())
    assert all(torch.isfinite(value).all() for value in some.model.state_dict().values())
