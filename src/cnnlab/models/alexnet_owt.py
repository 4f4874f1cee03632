"""AlexNet of 2014 in one tower, without normalisation: the form that most model collections call AlexNet.

Source: Krizhevsky, "One weird trick for parallelizing convolutional neural networks", arXiv:1404.5997, and
the layer file for one GPU that he published with it in cuda-convnet2, whose widths these are.

Deviations from that file (`layers/layers-imagenet-1gpu.cfg`), most of them those of the usual implementations
- No local response normalisation; the file has it in the first two stages. `lrn=True` is another form of it,
  that of 2012. Its place: after ReLU, where the file normalises what conv1 puts out and has ReLU after pool1
  (after conv2 it too has ReLU first). Its constant: alpha 1e-4, where cuda-convnet2 divides the file's
  `scale` of 1e-4 by the window of 5, which is 2e-5 in the terms of `nn.LocalResponseNorm`.
- ReLU comes before pool5; in the file after it, which gives the same with max-pooling.
- Dropout comes before the two hidden dense layers; in the file, as in 2012, after them.
- Images are padded by 2 in conv1, and maps are brought to 6x6 by adaptive pooling before the dense layers, so
  that these are as large for images of any size; at 224 pixels they already are.
- Unless `init="published"`, weights start from a normal distribution of standard deviation gain /
  sqrt(fan_in) and biases from 0, see `nn.initialize`.

The lab that compared it took the logarithm of a softmax as output; here, as everywhere, logits come out, and
the softmax is in the loss.
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

WEIGHT_STD, INNER_STD = 0.01, 0.03
"""Of the published starting weights; the second in conv3 to conv5."""
BIASES = {"conv2": 1.0, "conv4": 1.0, "conv5": 1.0, "fc1": 1.0, "fc2": 1.0, "fc3": -7.0}
"""Published, where they are not 0."""


@register_model(
    year=2014, paper="arXiv:1404.5997", image_size=224, source="AlexNet of 2014, one tower", in_channels=3
)
def alexnet_owt(
    *,
    in_channels: int = 3,
    num_classes: int = 1000,
    image_size: int = 224,
    activation: Activation = "relu",
    lrn: bool = False,
    lrn_place: LrnPlace = "before-pool",
    overlapping_pool: bool = True,
    pool: Pool = "max",
    dropout: Probability = 0.5,
    groups: Towers = 1,
    init: Literal["scaled", "published"] = "scaled",
) -> ImageClassifier:
    """Five convolutions and three dense layers in one tower, 61,100,840 parameters for 1,000 classes.

    Args:
        in_channels: channels of the images.
        num_classes: how many logits.
        image_size: height and width of the images, in pixels; at least 63.
        activation: after every layer but the last.
        lrn: normalise across channels after the ReLU of the first two convolutions, with the constants of
            2012.
        lrn_place: before or after the pooling that follows.
        overlapping_pool: windows of 3 instead of 2 every 2 pixels.
        pool: what becomes of a window.
        dropout: probability to drop an output of pool5 and of the first hidden dense layer.
        groups: 2: conv2, conv4 and conv5 see one half of the maps each, as in 2012.
        init: starting weights: `scaled` to the layers' inputs; `published`, those of the file, made for
            pixels from 0 to 255 less their mean: deviations of 0.01, in conv3 to conv5 of 0.03, biases of 1
            in conv2, conv4, conv5 and the hidden dense layers and of -7 in the last.

    Raises:
        GeometryError: the images are too small.
    """
    pool_layer = nn.MaxPool2d if pool == "max" else nn.AvgPool2d
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    channels = in_channels
    for stage, width in enumerate((64, 192, 384, 256, 256), start=1):
        kernel, stride, padding = {1: (11, 4, 2), 2: (5, 1, 2)}.get(stage, (3, 1, 1))
        towers = groups if stage in (2, 4, 5) else 1
        layers[f"conv{stage}"] = Conv2d(channels, width, kernel, stride, padding, groups=towers)
        layers[f"act{stage}"] = make_activation(activation)
        has_norm = lrn and stage <= 2
        if has_norm and lrn_place == "before-pool":
            layers[f"norm{stage}"] = LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=2.0)
        if stage in (1, 2, 5):
            layers[f"pool{stage}"] = pool_layer(3 if overlapping_pool else 2, 2)
            # N x 64 x 27 x 27, then N x 192 x 13 x 13, then N x 256 x 6 x 6
        if has_norm and lrn_place == "after-pool":
            layers[f"norm{stage}"] = LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=2.0)
        channels = width
    features = nn.Sequential(layers)
    output_shape(features, in_channels=in_channels, image_size=image_size, network="alexnet_owt")
    head = nn.Sequential(
        OrderedDict(
            pool=nn.AdaptiveAvgPool2d(6),
            flatten=nn.Flatten(),  # N x 9216
            dropout6=nn.Dropout(dropout),
            fc1=nn.Linear(256 * 6 * 6, 4096),
            act6=make_activation(activation),
            dropout7=nn.Dropout(dropout),
            fc2=nn.Linear(4096, 4096),
            act7=make_activation(activation),
            fc3=nn.Linear(4096, num_classes),
        )
    )
    network = ImageClassifier(features, head)
    if init == "scaled":
        initialize(network, activation)
    if init == "scaled" or is_shapes_alone(network):
        return network
    for name, layer in [*features.named_children(), *head.named_children()]:
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.normal_(
                layer.weight, std=INNER_STD if name in ("conv3", "conv4", "conv5") else WEIGHT_STD
            )
            assert layer.bias is not None
            nn.init.constant_(layer.bias, BIASES.get(name, 0.0))
    return network
