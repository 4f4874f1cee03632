"""AlexNet cut down to three convolutions for MNIST, as an early TensorFlow tutorial drew it.

Three times convolution, ReLU, pooling, local response normalisation and dropout, then three dense layers.

Deviations from the tutorial
- `dropout` is the probability to drop; the tutorial gives the probability to keep: 0.95, or 0.8 in other
  versions.
- Weights start from a normal distribution of standard deviation gain / sqrt(fan_in) and biases from 0, see
  `nn.initialize`; the tutorial draws both from N(0, 1), which is `init="standard-normal"`.

Deviations of the tutorial from the AlexNet paper
- Three convolutions of 3x3 instead of five; normalisation after pooling, with a window of 9 channels and
  other constants; dropout after the convolutions, not in the dense layers; pooling windows do not overlap.
"""

from collections import OrderedDict

from torch import nn

from cnnlab.models.classifier import ImageClassifier
from cnnlab.models.registry import register_model
from cnnlab.nn import (
    Activation,
    Conv2d,
    Dropout,
    Init,
    LocalResponseNorm,
    LrnPlace,
    Pool,
    Probability,
    Towers,
    Width,
    initialize,
    make_activation,
    make_halving_pool,
    output_shape,
)


@register_model(
    year=2015,
    paper="",
    image_size=28,
    source="TensorFlow tutorial of AlexNet with three convolutions",
    in_channels=1,
)
def alexnet_mnist3(
    *,
    in_channels: int = 1,
    num_classes: int = 10,
    image_size: int = 28,
    dense1: Width = 1024,
    dense2: Width = 256,
    lrn: bool = True,
    lrn_place: LrnPlace = "after-pool",
    dropout: Probability = 0.05,
    activation: Activation = "relu",
    pool: Pool = "max",
    overlapping_pool: bool = False,
    groups: Towers = 1,
    init: Init = "scaled",
) -> ImageClassifier:
    """Three convolutions of 3x3, each normalised across channels, and two hidden dense layers.

    Args:
        in_channels: channels of the images.
        num_classes: how many logits.
        image_size: height and width of the images, in pixels.
        dense1: width of the first hidden dense layer.
        dense2: width of the second; other versions of the tutorial have 1,024.
        lrn: normalise in each stage: tf.nn.lrn with radius 4, bias 1, alpha 0.001 / 9, beta 0.75.
        lrn_place: after each pooling; the AlexNet paper normalises before it.
        dropout: probability to drop a value at the end of each stage.
        activation: after every layer but the last.
        pool: the largest of a window, or its mean.
        overlapping_pool: pool windows of 3 instead of 2 every 2 pixels, as the AlexNet paper does.
        groups: 2 makes two towers: each half of conv2's maps sees one half of conv1's; conv3 sees all, as in
            the AlexNet paper.
        init: starting weights, see `nn.initialize`; the tutorial's are `standard-normal`.
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    channels = in_channels
    for stage, width in enumerate((64, 128, 256), start=1):
        layers[f"conv{stage}"] = Conv2d(channels, width, 3, padding=1, groups=groups if stage == 2 else 1)
        layers[f"act{stage}"] = make_activation(activation)
        norm = LocalResponseNorm(9, alpha=0.001 / 9, beta=0.75, k=1.0)
        if lrn and lrn_place == "before-pool":
            layers[f"norm{stage}"] = norm
        layers[f"pool{stage}"] = make_halving_pool(pool, overlapping=overlapping_pool)
        # N x 64 x 14 x 14, then N x 128 x 7 x 7, then N x 256 x 4 x 4
        if lrn and lrn_place == "after-pool":
            layers[f"norm{stage}"] = norm
        layers[f"dropout{stage}"] = Dropout(dropout)
        channels = width
    features = nn.Sequential(layers)
    channels, height, width = output_shape(
        features, in_channels=in_channels, image_size=image_size, network="alexnet_mnist3"
    )
    head = nn.Sequential(
        OrderedDict(
            flatten=nn.Flatten(),  # N x 4096
            fc1=nn.Linear(channels * height * width, dense1),
            act4=make_activation(activation),
            fc2=nn.Linear(dense1, dense2),
            act5=make_activation(activation),
            fc3=nn.Linear(dense2, num_classes),
        )
    )
    network = ImageClassifier(features, head)
    initialize(network, activation, init)
    return network
