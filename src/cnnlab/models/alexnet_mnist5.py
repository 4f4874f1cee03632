"""AlexNet with all five convolutions, scaled down to MNIST, as an early TensorFlow tutorial drew it.

Deviations from the tutorial
- `dropout` is the probability to drop, 0.25; the tutorial gives the probability to keep, 0.75.
- Weights start from a normal distribution of standard deviation gain / sqrt(fan_in), see `nn.initialize`; the
  tutorial draws them from a truncated normal distribution of standard deviation 0.1, which is
  `init="truncated-normal"`. Biases are 0 in both.

Deviations of the tutorial from the AlexNet paper
- Convolutions of 3x3 with 64, 128, 256, 256, 128 maps and stride 1; pooling windows do not overlap; dense
  layers of 1,024; normalisation is off unless asked for.
"""

from collections import OrderedDict

from torch import nn

from cnnlab.models.classifier import ImageClassifier
from cnnlab.models.registry import register_model
from cnnlab.nn import (
    Activation,
    Conv2d,
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
    year=2016,
    paper="",
    image_size=28,
    source="TensorFlow tutorial of AlexNet with five convolutions",
    in_channels=1,
)
def alexnet_mnist5(
    *,
    in_channels: int = 1,
    num_classes: int = 10,
    image_size: int = 28,
    dense1: Width = 1024,
    dense2: Width = 1024,
    lrn: bool = False,
    lrn_place: LrnPlace = "before-pool",
    dropout: Probability = 0.25,
    activation: Activation = "relu",
    pool: Pool = "max",
    overlapping_pool: bool = False,
    groups: Towers = 1,
    init: Init = "scaled",
) -> ImageClassifier:
    """Five convolutions of 3x3 and two hidden dense layers with dropout.

    Args:
        in_channels: channels of the images.
        num_classes: how many logits.
        image_size: height and width of the images, in pixels.
        dense1: width of the first hidden dense layer.
        dense2: width of the second.
        lrn: normalise in the first two stages: tf.nn.lrn with radius 4, bias 1, alpha 0.001 / 9, beta 0.75.
        lrn_place: before those poolings, as in the AlexNet paper, or after them.
        dropout: probability to drop an output of a hidden dense layer.
        activation: after every layer but the last.
        pool: the largest of a window, or its mean.
        overlapping_pool: pool windows of 3 instead of 2 every 2 pixels, as the AlexNet paper does.
        groups: 2 makes two towers: each half of the maps of conv2, conv4 and conv5 sees one half of the maps
            before it; conv3 sees all, as in the AlexNet paper.
        init: starting weights, see `nn.initialize`; the tutorial's are `truncated-normal`.
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    channels = in_channels
    for stage, width in enumerate((64, 128, 256, 256, 128), start=1):
        towers = groups if stage in (2, 4, 5) else 1
        layers[f"conv{stage}"] = Conv2d(channels, width, 3, padding=1, groups=towers)
        layers[f"act{stage}"] = make_activation(activation)
        norm = LocalResponseNorm(9, alpha=0.001 / 9, beta=0.75, k=1.0)
        if lrn and stage <= 2 and lrn_place == "before-pool":
            layers[f"norm{stage}"] = norm
        if stage in (1, 2, 5):
            layers[f"pool{stage}"] = make_halving_pool(pool, overlapping=overlapping_pool)
            # N x 64 x 14 x 14, then N x 128 x 7 x 7, then N x 128 x 4 x 4
        if lrn and stage <= 2 and lrn_place == "after-pool":
            layers[f"norm{stage}"] = norm
        channels = width
    features = nn.Sequential(layers)
    channels, height, width = output_shape(
        features, in_channels=in_channels, image_size=image_size, network="alexnet_mnist5"
    )
    head = nn.Sequential(
        OrderedDict(
            flatten=nn.Flatten(),  # N x 2048
            fc1=nn.Linear(channels * height * width, dense1),
            act6=make_activation(activation),
            dropout6=nn.Dropout(dropout),
            fc2=nn.Linear(dense1, dense2),
            act7=make_activation(activation),
            dropout7=nn.Dropout(dropout),
            fc3=nn.Linear(dense2, num_classes),
        )
    )
    network = ImageClassifier(features, head)
    initialize(network, activation, init)
    return network
