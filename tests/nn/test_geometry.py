"""Sizes of outputs against PyTorch's own layers, and the error for images that are too small."""

from collections import OrderedDict

import pytest
import torch
from torch import nn

from cnnlab.errors import GeometryError
from cnnlab.nn import LocalResponseNorm, conv_output_size, output_shape, pool_output_size


def test_conv_sizes_equal_pytorchs() -> None:
    for kernel, stride, padding in [(3, 1, 1), (5, 1, 0), (5, 1, 2), (11, 4, 2), (3, 2, 1), (1, 2, 0)]:
        layer = nn.Conv2d(1, 1, kernel, stride, padding)
        for size in range(1, 40):
            expected = conv_output_size(size, kernel=kernel, stride=stride, padding=padding)
            if expected < 1:
                with pytest.raises(RuntimeError):
                    layer(torch.zeros(1, 1, size, size))
            else:
                assert layer(torch.zeros(1, 1, size, size)).shape[-1] == expected


@pytest.mark.parametrize("ceil_mode", [False, True])
def test_pool_sizes_equal_pytorchs(ceil_mode: bool) -> None:
    for kernel, stride, padding in [(2, 2, 0), (3, 2, 0), (3, 2, 1), (2, 3, 1), (5, 3, 2)]:
        layer = nn.MaxPool2d(kernel, stride, padding, ceil_mode=ceil_mode)
        for size in range(1, 40):
            expected = pool_output_size(
                size, kernel=kernel, stride=stride, padding=padding, ceil_mode=ceil_mode
            )
            if expected < 1:
                with pytest.raises(RuntimeError):
                    layer(torch.zeros(1, 1, size, size))
            else:
                assert layer(torch.zeros(1, 1, size, size)).shape[-1] == expected


def make_layers() -> nn.Sequential:
    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(3, 8, 11, stride=4),
            act1=nn.ReLU(),
            norm1=LocalResponseNorm(5, alpha=1e-4),
            pool1=nn.MaxPool2d(3, 2),
            stage2=nn.Sequential(OrderedDict(conv=nn.Conv2d(8, 5, 5), pool=nn.AvgPool2d(2))),
        )
    )


def test_output_shape_is_what_the_layers_put_out() -> None:
    layers = make_layers()
    for image_size in (83, 96, 227):
        found = output_shape(layers, in_channels=3, image_size=image_size, network="net")
        assert found == layers(torch.zeros(1, 3, image_size, image_size)).shape[1:]


@pytest.mark.parametrize(
    ("image_size", "layer"), [(10, "conv1"), (18, "pool1"), (50, "stage2.conv"), (58, "stage2.pool")]
)
def test_an_image_that_is_too_small_names_the_first_empty_layer(image_size: int, layer: str) -> None:
    with pytest.raises(GeometryError) as caught:
        output_shape(make_layers(), in_channels=3, image_size=image_size, network="net")
    assert str(caught.value) == (
        f"net: layer {layer!r} would have nothing left to put out; images must be at least 59x59 pixels. "
        f"Received: image_size={image_size}."
    )


def test_the_smallest_size_it_names_is_the_smallest_that_works() -> None:
    layers = make_layers()
    assert layers(torch.zeros(1, 3, 59, 59)).shape[1:] == (5, 1, 1)
    with pytest.raises(RuntimeError):
        layers(torch.zeros(1, 3, 58, 58))


def test_a_layer_of_unknown_geometry_is_refused() -> None:
    with pytest.raises(AssertionError, match="not known"):
        output_shape(nn.Sequential(nn.Flatten()), in_channels=1, image_size=8, network="net")
