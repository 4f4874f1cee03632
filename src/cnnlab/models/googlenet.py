"""GoogLeNet, the first network of Inception modules, which won ILSVRC-2014.

Nine modules, each of four branches side by side: 1x1, 3x3 and 5x5 convolutions and pooling. Two auxiliary
heads learn from the middle of the network and are left out afterwards.

Source: Szegedy et al., "Going Deeper with Convolutions", arXiv:1409.4842, table 1 and sections 4 to 6.

Deviations from the paper
- It gives no constants for local response normalisation: here n 5, k 1, alpha 1e-4 divided by n, beta 0.75,
  those of the model that the Caffe project trained.
- It does not say how its poolings round: here up, so that 112 becomes 56, 28, 14 and 7.
- Where the maps at the auxiliary heads are not 14 to 16 pixels wide, they are brought to 4x4 by adaptive
  pooling; else by the paper's windows of 5 every 3 pixels.
- The paper's "70 % ratio of dropped outputs" of the auxiliary heads is `dropout` of 0.7 there, always.
- `batch_norm` is not in the paper: it follows each convolution, which then has no bias, and no local response
  normalisation is left.
- Weights start from a normal distribution of standard deviation gain / sqrt(fan_in) and biases from 0, see
  `nn.initialize`; the paper does not say.
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
    LocalResponseNorm,
    Probability,
    initialize,
    make_activation,
    output_shape,
    pool_output_size,
)

AUX_WEIGHT = 0.3
AUX_DROPOUT = 0.7

WIDTHS = {
    "3a": (64, 96, 128, 16, 32, 32),  # N x 256 x 28 x 28
    "3b": (128, 128, 192, 32, 96, 64),  # N x 480 x 28 x 28
    "4a": (192, 96, 208, 16, 48, 64),  # N x 512 x 14 x 14
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),  # N x 528 x 14 x 14
    "4e": (256, 160, 320, 32, 128, 128),  # N x 832 x 14 x 14
    "5a": (256, 160, 320, 32, 128, 128),  # N x 832 x 7 x 7
    "5b": (384, 192, 384, 48, 128, 128),  # N x 1024 x 7 x 7
}
"""Table 1, per module: 1x1; before the 3x3, the 3x3; before the 5x5, the 5x5; after the pooling."""


@register_model(year=2014, paper="arXiv:1409.4842", image_size=224, source="GoogLeNet of 2014", in_channels=3)
def googlenet(
    *,
    in_channels: int = 3,
    num_classes: int = 1000,
    image_size: int = 224,
    activation: Activation = "relu",
    batch_norm: bool = False,
    aux: bool = True,
    dropout: Probability = 0.4,
) -> AuxiliaryClassifier:
    """Nine Inception modules, 6,998,552 parameters for 1,000 classes and 6,379,728 in auxiliary heads.

    Args:
        in_channels: channels of the images.
        num_classes: how many logits.
        image_size: height and width of the images, in pixels; at least 31.
        activation: after every convolution, and in the auxiliary heads.
        batch_norm: normalise over the batch after every convolution, instead of across channels twice.
        aux: learn from auxiliary heads after modules 4a and 4d too, each with weight 0.3.
        dropout: probability to drop a value before the last layer.

    Raises:
        GeometryError: the images are too small.
    """

    def unit(name: str, channels: int, width: int, kernel: int, stride: int = 1) -> dict[str, nn.Module]:
        """Return a convolution, its normalisation and its activation."""
        padding = kernel // 2
        conv = Conv2d(channels, width, kernel, stride, padding, bias=not batch_norm)
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

    def lrn(name: str) -> dict[str, nn.Module]:
        return {} if batch_norm else {name: LocalResponseNorm(5, alpha=1e-4 / 5, beta=0.75, k=1.0)}

    def pool() -> nn.Module:
        return nn.MaxPool2d(3, 2, ceil_mode=True)

    layers = unit("conv1", in_channels, 64, 7, 2) | {"pool1": pool()} | lrn("norm1")  # N x 64 x 56 x 56
    layers |= unit("reduce2", 64, 64, 1) | unit("conv2", 64, 192, 3) | lrn("norm2") | {"pool2": pool()}
    channels = 192
    for name, widths in WIDTHS.items():
        if name in ("4a", "5a"):
            layers[f"pool{int(name[0]) - 1}"] = pool()
        layers[f"inception{name}"] = module(channels, widths)
        channels = widths[0] + widths[2] + widths[4] + widths[5]
    features = nn.Sequential(OrderedDict(layers))
    output_shape(features, in_channels=in_channels, image_size=image_size, network="googlenet")

    def auxiliary_head(place: str) -> nn.Sequential:
        """Return a head on the maps that the layer of that name puts out."""
        names = list(layers)[: list(layers).index(place) + 1]
        before = nn.Sequential(OrderedDict((name, layers[name]) for name in names))
        width, size, _ = output_shape(
            before, in_channels=in_channels, image_size=image_size, network="googlenet"
        )
        has_papers_size = pool_output_size(size, kernel=5, stride=3) == 4
        return nn.Sequential(
            OrderedDict(
                {"pool": nn.AvgPool2d(5, 3) if has_papers_size else nn.AdaptiveAvgPool2d(4)}
                | unit("conv", width, 128, 1)  # N x 128 x 4 x 4
                | {
                    "flatten": nn.Flatten(),  # N x 2048
                    "fc1": nn.Linear(2048, 1024),
                    "act": make_activation(activation),
                    "dropout": nn.Dropout(AUX_DROPOUT),
                    "fc2": nn.Linear(1024, num_classes),
                }
            )
        )

    head = nn.Sequential(
        OrderedDict(
            pool=nn.AdaptiveAvgPool2d(1),  # N x 1024 x 1 x 1
            flatten=nn.Flatten(),  # N x 1024
            dropout=nn.Dropout(dropout),
            fc=nn.Linear(channels, num_classes),
        )
    )
    initialize(nn.Sequential(features, head), activation)
    auxiliary = {place: auxiliary_head(place) for place in ("inception4a", "inception4d") if aux}
    for auxiliary_layers in auxiliary.values():
        initialize(auxiliary_layers, activation)
    return AuxiliaryClassifier(features, head, auxiliary=auxiliary, aux_weight=AUX_WEIGHT)
