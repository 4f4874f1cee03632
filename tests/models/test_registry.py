"""Networks by name: finding, describing, building, and messages for what is wrong."""

from typing import Any

import numpy as np
import pytest
import torch

from cnnlab.errors import ConfigError, MissingResourceError
from cnnlab.models import create_model, list_models, model_info, register_model
from cnnlab.models.classifier import ImageClassifier


def test_names_are_in_natural_order() -> None:
    depths = (18, 20, 32, 34, 44, 50, 56, 101, 110, 152)
    expected = [f"resnet{depth}" for depth in depths]
    assert list_models("resnet*") == expected
    assert list_models("preact_*") == [f"preact_{name}" for name in expected]
    assert {"lenet5", "convnet_mnist", "alexnet_mnist3", "alexnet_mnist5"} <= set(list_models())
    assert list_models("nothing*") == []


def test_info_describes_a_network() -> None:
    info = model_info("lenet5")
    assert (info.name, info.year, info.image_size, info.in_channels) == ("lenet5", 1998, 28, 1)
    assert dict(info.arguments) == {"activation": "tanh", "pool": "average"}
    assert info.takes_image_size
    assert info.summary.endswith(".")
    assert not model_info("resnet20").takes_image_size


@pytest.mark.parametrize("name", list_models())
def test_every_network_is_described(name: str) -> None:
    info = model_info(name)
    assert info.summary and info.source and 1998 <= info.year <= 2030
    with torch.device("meta"):
        assert isinstance(info.builder(), ImageClassifier)


def test_a_second_network_of_the_same_name_is_refused() -> None:
    def lenet5(*, in_channels: int = 1, num_classes: int = 10) -> ImageClassifier:
        raise NotImplementedError

    with pytest.raises(AssertionError, match="two networks are called 'lenet5'"):
        register_model(year=2000, paper="", image_size=28, source="", in_channels=1)(lenet5)


def test_builders_with_open_or_positional_arguments_are_refused() -> None:
    def open_ended(*, in_channels: int = 1, num_classes: int = 10, **rest: int) -> ImageClassifier:
        raise NotImplementedError

    def positional(in_channels: int = 1, num_classes: int = 10) -> ImageClassifier:
        raise NotImplementedError

    for builder in (open_ended, positional):
        with pytest.raises(AssertionError, match="not keyword-only"):
            register_model(year=2000, paper="", image_size=28, source="", in_channels=1)(builder)


@pytest.mark.parametrize(
    ("name", "args", "message"),
    [
        ("resnt20", {}, "There is no network called 'resnt20'. Did you mean 'resnet20'"),
        ("lenet5", {"dropout": 0.5}, "lenet5: unknown argument 'dropout'. Its arguments: activation, pool."),
        ("lenet5", {"name": "x"}, "lenet5: unknown argument 'name'."),
        ("lenet5", {"activation": "rlu"}, "lenet5: activation: input should be 'relu', 'tanh' or 'sigmoid'."),
        ("lenet5", {"pool": 2}, "lenet5: pool: input should be 'max' or 'average'. Received: 2."),
        ("convnet_mnist", {"dropout": 2}, "dropout: input should be less than 1. Received: 2."),
        ("convnet_mnist", {"dropout": -0.1}, "dropout: input should be greater than or equal to 0."),
        ("convnet_mnist", {"dropout": float("nan")}, "Received: nan."),
        ("convnet_mnist", {"dropout": "x"}, "dropout: input should be a valid number. Received: 'x'."),
        ("convnet_mnist", {"dropout": True}, "dropout: input should be a valid number. Received: True."),
        ("alexnet_mnist3", {"lrn": "yes"}, "lrn: input should be a valid boolean. Received: 'yes'."),
        ("alexnet_mnist3", {"lrn": 1}, "lrn: input should be a valid boolean. Received: 1."),
        ("alexnet_mnist3", {"dense2": 0}, "dense2: input should be greater than or equal to 1."),
        ("alexnet_mnist3", {"dense1": 10.5}, "dense1: input should be a valid integer"),
        ("resnet20", {"residual": "no"}, "residual: input should be a valid boolean."),
        ("resnet20", {"shortcut": "C"}, "shortcut: input should be 'A' or 'B'. Received: 'C'."),
        ("resnet20", {"num_classes": 0}, "num_classes: input should be greater than 0. Received: 0."),
        ("resnet20", {"in_channels": "3"}, "in_channels: input should be a valid integer. Received: '3'."),
        ("lenet5", {"image_size": 4097}, "image_size: input should be less than or equal to 4096."),
        ("resnet20", {"image_size": 1_000_000}, "image_size: input should be less than or equal to 4096."),
        (
            "lenet5",
            {"num_classes": 99999999999999},
            "num_classes: input should be less than or equal to 100000.",
        ),
        ("lenet5", {"in_channels": 9999999999}, "in_channels: input should be less than or equal to 1024."),
        ("lenet5", {"image_size": 99999999999999999999}, "Received: 99999999999999999999."),
        ("lenet5", {"image_size": 10**5000}, "Received: a number of thousands of digits."),
        ("alexnet_mnist3", {"dense1": 10**12}, "dense1: input should be less than or equal to 65536."),
        ("lenet5", {"num_classes": np.float64(5.0)}, "num_classes: input should be a valid integer."),
        (None, {}, "There is no network called None. Known: "),
        (["lenet5"], {}, "There is no network called ['lenet5']."),
        ("resnet20", {"image_size": -1}, "image_size: input should be greater than 0. Received: -1."),
    ],
)
def test_a_mistake_is_one_clear_line(name: Any, args: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        create_model(name, **args)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_whole_number_is_fine_where_a_fraction_is_meant() -> None:
    create_model("convnet_mnist", dropout=0)


def test_numbers_of_numpy_are_numbers() -> None:
    with torch.device("meta"):
        network = create_model("convnet_mnist", num_classes=np.int64(3), dropout=np.float32(0.5))
    assert [layer.p for layer in network.modules() if isinstance(layer, torch.nn.Dropout)] == [0.5]
    assert network.head[-1].out_features == 3


# --- networks larger than the machine -------------------------------------------------------------------


def test_a_network_that_does_not_fit_into_memory_is_refused_before_it_is_made(monkeypatch) -> None:
    # fc1 has 256 x 256 x 64 x 1024 weights: 17.2 GB, and as much for their gradients.
    monkeypatch.setattr("cnnlab.models.registry.memory_bytes", lambda: 16_000_000_000)
    with pytest.raises(MissingResourceError) as caught:
        create_model("convnet_mnist", image_size=1024)
    assert str(caught.value) == (
        "convnet_mnist: its weights and their gradients take 34.4 GB, and this machine has 16.0 GB of "
        "memory. Choose smaller values. Received: image_size=1024."
    )


def test_memory_is_asked_for_at_the_border(monkeypatch) -> None:
    weights = create_model("lenet5", num_classes=257).state_dict().values()
    needed = 2 * 4 * sum(tensor.numel() for tensor in weights)
    monkeypatch.setattr("cnnlab.models.registry.memory_bytes", lambda: needed)
    create_model("lenet5", num_classes=257)
    monkeypatch.setattr("cnnlab.models.registry.memory_bytes", lambda: needed - 1)
    with pytest.raises(MissingResourceError):
        create_model("lenet5", num_classes=257)
    with torch.device("meta"):  # takes no memory
        create_model("lenet5", num_classes=257)
    monkeypatch.setattr("cnnlab.models.registry.memory_bytes", lambda: 0)  # not known
    create_model("lenet5", num_classes=257)


def test_asking_for_memory_leaves_the_random_numbers_alone() -> None:
    torch.manual_seed(0)
    first = create_model("lenet5", num_classes=257).head[-1].weight
    torch.manual_seed(0)
    info = model_info("lenet5")
    assert torch.equal(first, info.builder(num_classes=257).head[-1].weight)
