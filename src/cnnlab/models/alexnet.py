"""AlexNet, the network that won ILSVRC-2012: five convolutions in two towers, three dense layers.

Source: Krizhevsky, Sutskever, Hinton, "ImageNet Classification with Deep Convolutional Neural Networks", NIPS
2012, sections 3 to 5; the values under `caffe` are those of the model that the Caffe project trained and
released.

Deviations from the paper
- Images are padded by 2 in conv1, so that images of 224 pixels, which the paper speaks of, give its 55x55
  maps; without padding that takes 227.
- One network with grouped convolutions instead of one tower on each of two GPUs: the same sums.
- Normalisation runs over neighbouring maps of both towers; each of the paper's GPUs saw its own only.
"""

from collections import OrderedDict
from typing import Literal

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
    is_shapes_alone,
    make_activation,
    output_shape,
)

Constants = Literal["paper", "caffe"]

WEIGHT_STD = 0.01
DENSE_STD = {"paper": 0.01, "caffe": 0.005}
"""Of the two hidden dense layers."""
BIAS = {"paper": 1.0, "caffe": 0.1}
"""Where it is not 0."""
BIASED = ("conv2", "conv4", "conv5", "fc1", "fc2")


@register_model(
    year=2012, paper="doi:10.1145/3065386", image_size=224, source="AlexNet of 2012", in_channels=3
)
def alexnet(
    *,
    in_channels: int = 3,
    num_classes: int = 1000,
    image_size: int = 224,
    activation: Activation = "relu",
    lrn: bool = True,
    lrn_place: LrnPlace = "before-pool",
    overlapping_pool: bool = True,
    pool: Pool = "max",
    dropout: Probability = 0.5,
    groups: Towers = 2,
    constants: Constants = "paper",
    init: Literal["paper", "scaled"] = "paper",
) -> ImageClassifier:
    """Five convolutions in two towers and three dense layers, 60,965,224 parameters for 1,000 classes.

    Args:
        in_channels: channels of the images.
        num_classes: how many logits.
        image_size: height and width of the images, in pixels; at least 63.
        activation: after every layer but the last.
        lrn: normalise across channels after the first two convolutions.
        lrn_place: before or after the pooling that follows.
        overlapping_pool: windows of 3 instead of 2 every 2 pixels.
        pool: what becomes of a window.
        dropout: probability to drop an output of a hidden dense layer.
        groups: 2: conv2, conv4 and conv5 see their own tower's maps only; 1: they see all, 62,378,344
            parameters.
        constants: `paper`: normalisation with n 5, k 2, alpha 1e-4 and biases of 1; `caffe`: k 1, alpha 1e-4
            divided by n, and, with `init="paper"`, biases of 0.1 and weights of the hidden dense layers from
            N(0, 0.005).
        init: `paper`: weights from N(0, 0.01); biases of conv2, conv4, conv5 and the hidden dense layers as
            `constants` says, 0 elsewhere; `scaled`: see `nn.initialize`, for training on other data.

    Raises:
        GeometryError: the images are too small.
    """
    pool_layer = nn.MaxPool2d if pool == "max" else nn.AvgPool2d
    alpha, k = (1e-4, 2.0) if constants == "paper" else (1e-4 / 5, 1.0)
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    channels = in_channels
    for stage, width in enumerate((96, 256, 384, 384, 256), start=1):
        kernel, stride, padding = {1: (11, 4, 2), 2: (5, 1, 2)}.get(stage, (3, 1, 1))
        towers = groups if stage in (2, 4, 5) else 1
        layers[f"conv{stage}"] = Conv2d(channels, width, kernel, stride, padding, groups=towers)
        layers[f"act{stage}"] = make_activation(activation)
        has_norm = lrn and stage <= 2
        if has_norm and lrn_place == "before-pool":
            layers[f"norm{stage}"] = LocalResponseNorm(5, alpha=alpha, beta=0.75, k=k)
        if stage in (1, 2, 5):
            layers[f"pool{stage}"] = pool_layer(3 if overlapping_pool else 2, 2)
            # N x 96 x 27 x 27, then N x 256 x 13 x 13, then N x 256 x 6 x 6
        if has_norm and lrn_place == "after-pool":
            layers[f"norm{stage}"] = LocalResponseNorm(5, alpha=alpha, beta=0.75, k=k)
        channels = width
    features = nn.Sequential(layers)
    channels, height, width = output_shape(
        features, in_channels=in_channels, image_size=image_size, network="alexnet"
    )
    head = nn.Sequential(
        OrderedDict(
            flatten=nn.Flatten(),  # N x 9216
            fc1=nn.Linear(channels * height * width, 4096),
            act6=make_activation(activation),
            dropout6=nn.Dropout(dropout),
            fc2=nn.Linear(4096, 4096),
            act7=make_activation(activation),
            dropout7=nn.Dropout(dropout),
            fc3=nn.Linear(4096, num_classes),
        )
    )
    network = ImageClassifier(features, head)
    if init == "scaled":
        initialize(network, activation)
    elif not is_shapes_alone(network):
        _initialize_as_published(network, constants)
    return network


def _initialize_as_published(network: ImageClassifier, constants: Constants) -> None:
    """Fill weights and biases as section 5 of the paper says, or as Caffe's model does."""
    for part in (network.features, network.head):
        for name, layer in part.named_children():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                assert layer.bias is not None
                nn.init.normal_(
                    layer.weight, std=DENSE_STD[constants] if name in ("fc1", "fc2") else WEIGHT_STD
                )
                nn.init.constant_(layer.bias, BIAS[constants] if name in BIASED else 0.0)
