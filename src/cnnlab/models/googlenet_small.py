"""GoogLeNet for images of 28 and 32 pixels: all nine Inception modules at half their widths.

Source: Szegedy et al., "Going Deeper with Convolutions", arXiv:1409.4842, table 1, scaled down here.

Deviations from the paper
- The stem is one convolution of 3x3 with 96 maps and a pooling; the modules 3a and 3b then work on 16x16
  pixels, 4a to 4e on 8x8, 5a and 5b on 4x4 (of 28 pixels: 14, 7 and 4).
- Half the maps in every module, and in the auxiliary heads, which bring maps to 4x4 by adaptive pooling.
- Batch norm after every convolution, which then has no bias. Without it biases are back; there is no local
  response normalisation in either form.
- No auxiliary heads unless `aux=True`; the paper has two.
- Dropout of 0.2 before the last layer; the paper has 0.4 at twice the width.
- Weights start from a normal distribution of standard deviation gain / sqrt(fan_in), see `nn.initialize`.
"""

from collections import OrderedDict

from torch import nn

from cnnlab.models.classifier import AuxiliaryClassifier
from cnnlab.models.registry import register_model
from cnnlab.nn import (
    Activation,
    Branches,
    Conv2d,
    FusedSequential,
    Probability,
    initialize,
    make_activation,
    output_shape,
)

AUX_WEIGHT = 0.3
AUX_DROPOUT = 0.7

WIDTHS = {
    "3a": (32, 48, 64, 8, 16, 16),  # N x 128 x 16 x 16
    "3b": (64, 64, 96, 16, 48, 32),  # N x 240 x 16 x 16
    "4a": (96, 48, 104, 8, 24, 32),  # N x 256 x 8 x 8
    "4b": (80, 56, 112, 12, 32, 32),
    "4c": (64, 64, 128, 12, 32, 32),
    "4d": (56, 72, 144, 16, 32, 32),  # N x 264 x 8 x 8
    "4e": (128, 80, 160, 16, 64, 64),  # N x 416 x 8 x 8
    "5a": (128, 80, 160, 16, 64, 64),  # N x 416 x 4 x 4
    "5b": (192, 96, 192, 24, 64, 64),  # N x 512 x 4 x 4
}
"""Half of table 1, per module: 1x1; before the 3x3, the 3x3; before the 5x5, the 5x5; after the pooling."""


@register_model(
    year=2014, paper="arXiv:1409.4842", image_size=32, source="GoogLeNet for small images", in_channels=3
)
def googlenet_small(
    *,
    in_channels: int = 3,
    num_classes: int = 10,
    image_size: int = 32,
    activation: Activation = "relu",
    batch_norm: bool = True,
    aux: bool = False,
    dropout: Probability = 0.2,
) -> AuxiliaryClassifier:
    """Nine Inception modules at half width for small images, 1,475,418 parameters on CIFAR-10.

    Args:
        in_channels: channels of the images.
        num_classes: how many logits.
        image_size: height and width of the images, in pixels.
        activation: after every convolution, and in the auxiliary heads.
        batch_norm: normalise over the batch after every convolution.
        aux: learn from auxiliary heads after modules 4a and 4d too, each with weight 0.3.
        dropout: probability to drop a value before the last layer.
    """

    def unit(name: str, channels: int, width: int, kernel: int) -> dict[str, nn.Module]:
        """Return a convolution, its normalisation and its activation."""
        conv = Conv2d(channels, width, kernel, padding=kernel // 2, bias=not batch_norm)
        norm: dict[str, nn.Module] = {f"{name}_norm": nn.BatchNorm2d(width)} if batch_norm else {}
        return {name: conv, **norm, f"{name}_act": make_activation(activation)}

    def module(channels: int, widths: tuple[int, ...]) -> Branches:
        """Return four branches side by side."""
        one, before_three, three, before_five, five, after_pool = widths
        branches: dict[str, dict[str, nn.Module]] = {
            "branch1": unit("conv", channels, one, 1),
            "branch3": unit("reduce", channels, before_three, 1) | unit("conv", before_three, three, 3),
            "branch5": unit("reduce", channels, before_five, 1) | unit("conv", before_five, five, 5),
            "branch_pool": {"pool": nn.MaxPool2d(3, 1, padding=1)} | unit("conv", channels, after_pool, 1),
        }
        return Branches(
            OrderedDict((name, FusedSequential(OrderedDict(chain))) for name, chain in branches.items())
        )

    layers = unit("conv1", in_channels, 96, 3) | {"pool1": nn.MaxPool2d(3, 2, padding=1)}  # N x 96 x 16 x 16
    channels, channels_after = 96, {}
    for name, widths in WIDTHS.items():
        if name in ("4a", "5a"):
            layers[f"pool{int(name[0]) - 1}"] = nn.MaxPool2d(3, 2, padding=1)
        layers[f"inception{name}"] = module(channels, widths)
        channels = widths[0] + widths[2] + widths[4] + widths[5]
        channels_after[f"inception{name}"] = channels
    features = nn.Sequential(OrderedDict(layers))
    output_shape(features, in_channels=in_channels, image_size=image_size, network="googlenet_small")

    def auxiliary_head(place: str) -> nn.Sequential:
        """Return a head on the maps that the layer of that name puts out."""
        return nn.Sequential(
            OrderedDict(
                {"pool": nn.AdaptiveAvgPool2d(4)}
                | unit("conv", channels_after[place], 64, 1)  # N x 64 x 4 x 4
                | {
                    "flatten": nn.Flatten(),  # N x 1024
                    "fc1": nn.Linear(1024, 512),
                    "act": make_activation(activation),
                    "dropout": nn.Dropout(AUX_DROPOUT),
                    "fc2": nn.Linear(512, num_classes),
                }
            )
        )

    head = nn.Sequential(
        OrderedDict(
            pool=nn.AdaptiveAvgPool2d(1),  # N x 512 x 1 x 1
            flatten=nn.Flatten(),  # N x 512
            dropout=nn.Dropout(dropout),
            fc=nn.Linear(channels, num_classes),
        )
    )
    initialize(nn.Sequential(features, head), activation)
    auxiliary = {place: auxiliary_head(place) for place in ("inception4a", "inception4d") if aux}
    for auxiliary_layers in auxiliary.values():
        initialize(auxiliary_layers, activation)
    return AuxiliaryClassifier(features, head, auxiliary=auxiliary, aux_weight=AUX_WEIGHT)
