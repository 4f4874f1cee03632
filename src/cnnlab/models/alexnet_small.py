"""AlexNet in the proportions of 2012 for images of 28 and 32 pixels, with half the maps.

Source: Krizhevsky, Sutskever, Hinton, "ImageNet Classification with Deep Convolutional Neural Networks", NIPS
2012, section 3, scaled down here.

Deviations from the paper
- Half the maps, 48, 128, 192, 192, 128; the first convolution is 5x5 with stride 1, since small images cannot
  spare a stride of 4; pooling windows are padded by 1: maps of 32, 16, 8 and 4 pixels, or of 28, 14, 7 and 4.
- Dense layers of 1,024.
- One tower: at this size there is nothing to share out between two GPUs; `groups=2` has two.
- Weights start from a normal distribution of standard deviation gain / sqrt(fan_in) and biases from 0, see
  `nn.initialize`.
"""

from collections import OrderedDict

from torch import nn

from cnnlab.models.classifier import ImageClassifier
from cnnlab.models.registry import register_model
from cnnlab.nn import (
    Activation,
    Conv2d,
    LocalResponseNorm,
    LrnPlace,
    Pool,
    Probability,
    Towers,
    initialize,
    make_activation,
    make_halving_pool,
    output_shape,
)


@register_model(
    year=2012, paper="doi:10.1145/3065386", image_size=32, source="AlexNet for small images", in_channels=3
)
def alexnet_small(
    *,
    in_channels: int = 3,
    num_classes: int = 10,
    image_size: int = 32,
    activation: Activation = "relu",
    lrn: bool = True,
    lrn_place: LrnPlace = "before-pool",
    overlapping_pool: bool = True,
    pool: Pool = "max",
    dropout: Probability = 0.5,
    groups: Towers = 1,
) -> ImageClassifier:
    """Five convolutions and three dense layers for small images, 4,090,058 parameters on CIFAR-10.

    Args:
        in_channels: channels of the images.
        num_classes: how many logits.
        image_size: height and width of the images, in pixels.
        activation: after every layer but the last.
        lrn: normalise across channels after the first two convolutions, with the paper's constants.
        lrn_place: before or after the pooling that follows.
        overlapping_pool: windows of 3, padded by 1, instead of 2 every 2 pixels.
        pool: what becomes of a window; its pixels outside the image do not count.
        dropout: probability to drop an output of a hidden dense layer.
        groups: 2: conv2, conv4 and conv5 see one half of the maps each, as in the paper.
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    channels = in_channels
    for stage, width in enumerate((48, 128, 192, 192, 128), start=1):
        kernel = 5 if stage <= 2 else 3
        layers[f"conv{stage}"] = Conv2d(
            channels, width, kernel, padding=kernel // 2, groups=groups if stage in (2, 4, 5) else 1
        )
        layers[f"act{stage}"] = make_activation(activation)
        has_norm = lrn and stage <= 2
        if has_norm and lrn_place == "before-pool":
            layers[f"norm{stage}"] = LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=2.0)
        if stage in (1, 2, 5):
            layers[f"pool{stage}"] = make_halving_pool(pool, overlapping=overlapping_pool)
            # N x 48 x 16 x 16, then N x 128 x 8 x 8, then N x 128 x 4 x 4
        if has_norm and lrn_place == "after-pool":
            layers[f"norm{stage}"] = LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=2.0)
        channels = width
    features = nn.Sequential(layers)
    channels, height, width = output_shape(
        features, in_channels=in_channels, image_size=image_size, network="alexnet_small"
    )
    head = nn.Sequential(
        OrderedDict(
            flatten=nn.Flatten(),  # N x 2048
            fc1=nn.Linear(channels * height * width, 1024),
            act6=make_activation(activation),
            dropout6=nn.Dropout(dropout),
            fc2=nn.Linear(1024, 1024),
            act7=make_activation(activation),
            dropout7=nn.Dropout(dropout),
            fc3=nn.Linear(1024, num_classes),
        )
    )
    network = ImageClassifier(features, head)
    initialize(network, activation)
    return network
