"""Three convolutions and one dense layer, made to learn digits in seconds.

A convolution of 5x5 with stride 2 leaves a quarter of the places for the other two, which are most of the
work; pooling comes before batch norm, which so has a quarter of the work too.
"""

from collections import OrderedDict
from typing import Literal

from torch import nn

from cnnlab.models.classifier import ImageClassifier
from cnnlab.models.registry import register_model
from cnnlab.nn import Activation, Conv2d, Width, initialize, make_activation, output_shape


@register_model(
    year=2026, paper="", image_size=28, source="a network of this project, for little time", in_channels=1
)
def convnet_fast(
    *,
    in_channels: int = 1,
    num_classes: int = 10,
    image_size: int = 28,
    width1: Width = 6,
    width2: Width = 16,
    width3: Width = 48,
    stride: Literal[1, 2] = 2,
    activation: Activation = "relu",
) -> ImageClassifier:
    """Three convolutions and one dense layer, 12,396 parameters on MNIST.

    Args:
        in_channels: channels of the images.
        num_classes: how many logits.
        image_size: height and width of the images, in pixels; at least 7.
        width1: channels of the first convolution.
        width2: of the second.
        width3: of the third.
        stride: of the first; with 1, its maps are pooled instead, which costs four times as much there.
        activation: after every convolution.

    Raises:
        GeometryError: the images are too small.
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    before = in_channels
    for stage, width in enumerate((width1, width2, width3), start=1):
        if stage == 1:
            layers["conv1"] = Conv2d(before, width, 5, stride, padding=2, bias=False)
        else:
            layers[f"conv{stage}"] = Conv2d(before, width, 3, padding=1, bias=False)
        if stage > 1 or stride == 1:
            layers[f"pool{stage}"] = nn.MaxPool2d(2)
        layers[f"norm{stage}"] = nn.BatchNorm2d(width)
        layers[f"act{stage}"] = make_activation(activation)
        before = width
        # N x width1 x 14 x 14, then N x width2 x 7 x 7, then N x width3 x 3 x 3
    features = nn.Sequential(layers)
    channels, height, wide = output_shape(
        features, in_channels=in_channels, image_size=image_size, network="convnet_fast"
    )
    head = nn.Sequential(
        OrderedDict(flatten=nn.Flatten(), fc=nn.Linear(channels * height * wide, num_classes))
    )
    network = ImageClassifier(features, head)
    initialize(network, activation)
    return network
