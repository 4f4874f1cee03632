"""The table of layers: its rows, and that making it leaves no trace."""

import numpy as np
import pytest
import torch

from cnnlab.errors import ConfigError
from cnnlab.models import create_model, layer_table, layers_of, list_models, model_info


def test_rows_are_the_layers_in_order_with_the_tutorials_shapes() -> None:
    table = layer_table(create_model("alexnet_mnist5"), in_channels=1, image_size=28)
    shapes = {row.name: row.tutorial_shape for row in table.rows}
    assert list(shapes)[:3] == ["features.conv1", "features.act1", "features.pool1"]
    assert shapes["features.conv1"] == "[N, 28, 28, 64]"
    assert shapes["features.pool1"] == "[N, 14, 14, 64]"
    assert shapes["features.pool2"] == "[N, 7, 7, 128]"
    assert shapes["features.pool5"] == "[N, 4, 4, 128]"
    assert shapes["head.flatten"] == "[N, 2048]"
    assert shapes["head.fc3"] == "[N, 10]"


def test_a_row_holds_shape_parameters_and_macs() -> None:
    table = layer_table(create_model("lenet5"), in_channels=1, image_size=28)
    conv2 = next(row for row in table.rows if row.name == "features.conv2")
    assert (conv2.kind, conv2.output_shape) == ("Conv2d", (16, 10, 10))
    assert (conv2.parameters, conv2.macs) == (2_416, 240_000)
    assert table.parameters == sum(row.parameters for row in table.rows) == 61_706
    assert table.macs == sum(row.macs for row in table.rows)


def test_blocks_are_shown_layer_by_layer_with_shortcuts_that_do_something() -> None:
    table = layer_table(create_model("resnet20"), in_channels=3, image_size=32)
    shapes = {row.name: row.output_shape for row in table.rows}
    assert shapes["features.stage1.block1.conv2"] == (16, 32, 32)
    assert shapes["features.stage3.block3.norm2"] == (64, 8, 8)
    # Option A's padding is a layer, though nothing in it is counted; shortcuts that do nothing are not shown.
    assert {name: shape for name, shape in shapes.items() if "shortcut" in name} == {
        "features.stage2.block1.shortcut": (32, 16, 16),
        "features.stage3.block1.shortcut": (64, 8, 8),
    }


def test_making_a_table_changes_nothing() -> None:
    network = create_model("resnet20")
    network.head.eval()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    random_state = torch.get_rng_state()
    modes = [module.training for module in network.modules()]
    layer_table(network, in_channels=3, image_size=16)
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    assert torch.equal(torch.get_rng_state(), random_state)
    assert [module.training for module in network.modules()] == modes
    assert all(not module._forward_hooks for module in network.modules())


# --- by name --------------------------------------------------------------------------------------------


# Of a large network the table is made without its weights; a few show that they would change nothing.
WITH_WEIGHTS = {name for name in list_models() if not model_info(name).is_large} | {"resnet18", "googlenet"}


@pytest.mark.parametrize(
    "name",
    [name if name in WITH_WEIGHTS else pytest.param(name, marks=pytest.mark.slow) for name in list_models()],
)
def test_the_table_by_name_is_that_of_the_network(name) -> None:
    info = model_info(name)
    expected = layer_table(create_model(name), in_channels=info.in_channels, image_size=info.image_size)
    assert layers_of(name) == expected


def test_sizes_and_arguments_reach_the_network() -> None:
    table = layers_of("convnet_mnist", {"dropout": 0.5}, in_channels=3, num_classes=7, image_size=32)
    assert table.rows[0].output_shape == (32, 32, 32)
    assert table.rows[0].parameters == 32 * (3 * 25 + 1)
    assert table.rows[-1].output_shape == (7,)
    assert layers_of("lenet5", num_classes=np.int64(7)).rows[-1].output_shape == (7,)


def test_a_network_of_any_size_takes_no_memory() -> None:
    # 64 x 1024 x 1024 inputs of 1,024 outputs: 275 GB, did they exist.
    table = layers_of("convnet_mnist", image_size=4096)
    assert table.parameters == 832 + 51_264 + (64 * 1024 * 1024 * 1024 + 1024) + 10_250
    assert layers_of("resnet20", image_size=4096).rows[0].output_shape == (16, 4096, 4096)


@pytest.mark.parametrize("taken", ["image_size", "in_channels", "num_classes"])
def test_sizes_are_no_arguments_of_the_networks_own(taken) -> None:
    with pytest.raises(ConfigError, match=f"lenet5: {taken} is no argument of the network's own"):
        layers_of("lenet5", {taken: 5})


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"image_size": 0}, "image_size: input should be greater than 0"),
        ({"in_channels": 0}, "in_channels: input should be greater than 0"),
        ({"image_size": 1_000_000}, "image_size: input should be less than or equal to 4096"),
    ],
)
def test_impossible_sizes_are_refused(sizes, message) -> None:
    with pytest.raises(ConfigError, match=message):
        layers_of("resnet20", **sizes)
