"""Steps of a network as they run: layers, again where they run again, and where branches meet."""

import pytest
import torch
from made_run import made_run, some_images
from torch import nn

from cnnlab.errors import DataError
from cnnlab.explain import activations
from cnnlab.explain.steps import steps


class Meeting(nn.Module):
    """Two branches, added, put side by side and added again; one activation is used three times."""

    def __init__(self):
        super().__init__()
        self.conv, self.act = nn.Conv2d(1, 1, 1), nn.ReLU()

    def forward(self, maps):
        branch = self.act(self.conv(maps))
        total = self.act(branch + maps)
        return self.act(torch.cat([total, branch], dim=1) + 1.0)


class Scaled(nn.Module):
    """A layer that adds within itself."""

    def forward(self, maps):
        return maps + maps


def a_run():
    torch.manual_seed(0)
    features = {"block": Meeting(), "scaled": Scaled()}
    return made_run(features, {"flatten": nn.Flatten(), "fc": nn.Linear(32, 3)}, size=4)


def test_steps_are_named_as_the_tracer_names_them_and_in_the_order_in_which_they_run():
    run, (image,) = a_run(), some_images(1, 1, 4)
    found = steps(run, image)
    assert [(one.name, one.kind) for one in found] == [
        ("features.block.conv", "Conv2d"),
        ("features.block.act", "ReLU"),
        ("add", "Add"),
        ("features.block.act_1", "ReLU"),
        ("cat", "Concat"),
        ("add_1", "Add"),
        ("features.block.act_2", "ReLU"),
        ("features.scaled", "Scaled"),
        ("head.fc", "Linear"),
    ]
    assert [one.inputs for one in found] == [
        (),  # the image
        ("features.block.conv",),
        ("features.block.act",),  # and the image
        ("add",),
        ("features.block.act_1", "features.block.act"),
        ("cat",),
        ("add_1",),
        ("features.block.act_2",),
        (),  # a view of it
    ]
    values = {one.name: one.values for one in found}
    branch, pixels = values["features.block.act"], image / 255
    torch.testing.assert_close(values["add"], branch + pixels)
    assert torch.equal(values["cat"], torch.cat([values["features.block.act_1"], branch]))
    assert torch.equal(values["features.scaled"], 2 * values["features.block.act_2"])
    traced = [node.name for node in torch.fx.symbolic_trace(run.model).graph.nodes]
    ours = [one.name.replace(".", "_") for one in found if one.name != "features.scaled"]
    assert [name for name in ours if name not in traced] == []
    assert not any(layer._forward_hooks or layer._forward_pre_hooks for layer in run.model.modules())


def test_layers_put_out_what_activations_are():
    run, (image,) = a_run(), some_images(1, 1, 4)
    last = {one.name.removesuffix("_2"): one.values for one in steps(run, image)}
    for layer in activations(run, image):
        assert torch.equal(layer.values, last[layer.name]), layer.name


def test_an_image_of_another_shape_is_refused():
    with pytest.raises(DataError, match="takes images of 1 x 4 x 4"):
        steps(a_run(), some_images(1, 1, 5)[0])
