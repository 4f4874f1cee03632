"""The switches of the small networks do what they say, and nothing else."""

import pytest
import torch
from torch import nn

from cnnlab.models import create_model
from cnnlab.nn import LocalResponseNorm

SWITCHED = ["convnet_mnist", "alexnet_mnist3", "alexnet_mnist5"]


def kinds(name: str, **args: object) -> list[type[nn.Module]]:
    return [type(layer) for layer in create_model(name, **args).modules() if not list(layer.children())]


def test_alexnet_mnist3_is_three_times_conv_relu_pool_lrn_dropout() -> None:
    one = [nn.Conv2d, nn.ReLU, nn.MaxPool2d, LocalResponseNorm, nn.Dropout]
    dense = [nn.Flatten, nn.Linear, nn.ReLU, nn.Linear, nn.ReLU, nn.Linear]
    assert kinds("alexnet_mnist3") == one * 3 + dense


def test_alexnet_mnist3s_lrn_is_tensorflows_of_radius_4() -> None:
    norms = [
        layer for layer in create_model("alexnet_mnist3").modules() if isinstance(layer, LocalResponseNorm)
    ]
    assert [(norm.size, norm.alpha, norm.beta, norm.k) for norm in norms] == [(9, 0.001 / 9, 0.75, 1.0)] * 3


def test_alexnet_mnist5_normalises_before_the_first_two_poolings_if_asked() -> None:
    one = [nn.Conv2d, nn.ReLU, LocalResponseNorm, nn.MaxPool2d]
    rest = [nn.Conv2d, nn.ReLU] * 3 + [nn.MaxPool2d]
    dense = [nn.Flatten] + [nn.Linear, nn.ReLU, nn.Dropout] * 2 + [nn.Linear]
    assert kinds("alexnet_mnist5", lrn=True) == one * 2 + rest + dense


@pytest.mark.parametrize("name", SWITCHED)
@pytest.mark.parametrize(("activation", "kind"), [("tanh", nn.Tanh), ("sigmoid", nn.Sigmoid)])
def test_activation_replaces_every_relu(name: str, activation: str, kind: type[nn.Module]) -> None:
    swapped = [kind if layer is nn.ReLU else layer for layer in kinds(name)]
    assert kinds(name, activation=activation) == swapped


@pytest.mark.parametrize("name", SWITCHED)
def test_overlapping_pooling_changes_windows_and_no_shapes(name: str) -> None:
    plain, overlapping = create_model(name), create_model(name, overlapping_pool=True)
    windows = {layer.kernel_size for layer in overlapping.modules() if isinstance(layer, nn.MaxPool2d)}
    assert windows == {3}
    overlapping.load_state_dict(plain.state_dict())
    images = torch.randn(2, 1, 28, 28)
    assert overlapping(images).shape == (2, 10)


@pytest.mark.parametrize(
    ("name", "count"), [("convnet_mnist", 1), ("alexnet_mnist3", 3), ("alexnet_mnist5", 2)]
)
def test_dropout_is_the_probability_to_drop(name: str, count: int) -> None:
    rates = [layer.p for layer in create_model(name, dropout=0.4).modules() if isinstance(layer, nn.Dropout)]
    assert rates == [0.4] * count


def test_lenets_papers_choices_are_its_defaults() -> None:
    assert nn.Tanh in kinds("lenet5") and nn.AvgPool2d in kinds("lenet5")
    modern = kinds("lenet5", activation="relu", pool="max")
    assert nn.ReLU in modern and nn.MaxPool2d in modern and nn.Tanh not in modern
