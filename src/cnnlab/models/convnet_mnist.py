"""The convolutional network of a widely read TensorFlow tutorial on MNIST.

Two convolutions, each followed by ReLU and pooling, then one hidden dense layer with dropout.

Deviations from the tutorial
- `dropout` is the probability to drop. The tutorial passes 0.25 to a function that expects the probability to
  keep, so that it drops 0.75 where its comment says 0.25; the default here is what the comment says.
- Weights start from a normal distribution of standard deviation gain / sqrt(fan_in) and biases from 0, see
  `nn.initialize`; the tutorial draws both from N(0, 1), which is `init="standard-normal"`.
"""

from collections import OrderedDict

from torch import nn

from cnnlab.models.classifier import ImageClassifier
from cnnlab.models.registry import register_model
from cnnlab.nn import (
    Activation,
    Conv2d,
    Init,
    Pool,
    Probability,
    initialize,
    make_activation,
    make_halving_pool,
    output_shape,
)


@register_model(
    year=2015,
    paper="",
    image_size=28,
    source="TensorFlow tutorial of two convolutions on MNIST",
    in_channels=1,
)
def convnet_mnist(
    *,
    in_channels: int = 1,
    num_classes: int = 10,
    image_size: int = 28,
    dropout: Probability = 0.25,
    activation: Activation = "relu",
    pool: Pool = "max",
    overlapping_pool: bool = False,
    init: Init = "scaled",
) -> ImageClassifier:
    """Two convolutions of 5x5 and one hidden dense layer of 1,024.

    Args:
        in_channels: channels of the images.
        num_classes: how many logits.
        image_size: height and width of the images, in pixels.
        dropout: probability to drop an output of the hidden dense layer.
        activation: after every layer but the last.
        pool: the largest of a window, or its mean.
        overlapping_pool: pool windows of 3 instead of 2 every 2 pixels.
        init: starting weights, see `nn.initialize`; the tutorial's are `standard-normal`.
    """
    features = nn.Sequential(
        OrderedDict(
            conv1=Conv2d(in_channels, 32, 5, padding=2),  # N x 32 x 28 x 28
            act1=make_activation(activation),
            pool1=make_halving_pool(pool, overlapping=overlapping_pool),  # N x 32 x 14 x 14
            conv2=Conv2d(32, 64, 5, padding=2),  # N x 64 x 14 x 14
            act2=make_activation(activation),
            pool2=make_halving_pool(pool, overlapping=overlapping_pool),  # N x 64 x 7 x 7
        )
    )
    channels, height, width = output_shape(
        features, in_channels=in_channels, image_size=image_size, network="convnet_mnist"
    )
    head = nn.Sequential(
        OrderedDict(
            flatten=nn.Flatten(),  # N x 3136
            fc1=nn.Linear(channels * height * width, 1024),
            act3=make_activation(activation),
            dropout3=nn.Dropout(dropout),
            fc2=nn.Linear(1024, num_classes),
        )
    )
    network = ImageClassifier(features, head)
    initialize(network, activation, init)
    return network
