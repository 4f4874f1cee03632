"""Residual networks with pre-activation for ImageNet: four stages, 18 to 152 layers.

Normalisation and activation come before each convolution, and nothing stands on the way from one addition to
the next. The first block's own pre-activation is the stem's, and a last one follows the last addition.
The builders' arguments are the block's; `stride_at` says which convolution of a bottleneck halves the size.

Source: He et al., "Identity Mappings in Deep Residual Networks", arXiv:1603.05027, sections 4 and 5, with the
stages of arXiv:1512.03385, table 1.

Deviations from the paper
- The last dense layer's weights start with standard deviation 0.01, see `nn.initialize`.
- The paper does not say where option A puts its channels of zeros; here they follow the old ones.
- The paper trained deeper networks in this form on ImageNet; shallower ones are made in the same way.
- Where the shape changes the shortcut starts from the activated input, as the authors' published code for
  ImageNet has it; in `preact_resnet20` and its like it starts from the block's input.
- Batch norm's running averages take a tenth of each new batch, PyTorch's habit; see `norm_momentum`.
"""

from collections import OrderedDict
from typing import Literal

from torch import Tensor, nn

from cnnlab.models.classifier import ImageClassifier
from cnnlab.models.registry import register_model
from cnnlab.nn import (
    Activation,
    Conv2d,
    FusedSequential,
    NormMomentum,
    PadShortcut,
    initialize,
    make_activation,
)

Shortcut = Literal["A", "B"]
StrideAt = Literal["first", "3x3"]

BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
"""Table 1: blocks per stage."""

EXPANSION = 4
"""A bottleneck puts out four times as many channels as its 3x3 convolution."""


class PreActivationBlock(nn.Module):
    """Before each convolution normalisation and activation; then the block's input is added.

    Args:
        in_channels: channels that come in.
        is_first: the input is already normalised and activated, by the stem.
        widths: channels of each convolution.
        kernels: window of each, in pixels: 3 and 3, or 1, 3 and 1 in a bottleneck.
        strides: stride of each.
        activation: before each convolution.
        shortcut: how the input becomes as large as the output where the two differ.
        residual: add the input; else a plain network.
        norm_momentum: of batch norm, see `nn.NormMomentum`.
    """

    def __init__(
        self,
        in_channels: int,
        *,
        is_first: bool,
        widths: tuple[int, ...],
        kernels: tuple[int, ...],
        strides: tuple[int, ...],
        activation: Activation,
        shortcut: Shortcut,
        residual: bool,
        norm_momentum: float,
    ) -> None:
        super().__init__()
        self.norm1 = nn.Identity() if is_first else nn.BatchNorm2d(in_channels, momentum=norm_momentum)
        self.act1 = nn.Identity() if is_first else make_activation(activation)
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        channels = in_channels
        for index, (width, kernel, stride) in enumerate(zip(widths, kernels, strides, strict=True), start=1):
            if index > 1:
                layers[f"norm{index}"] = nn.BatchNorm2d(channels, momentum=norm_momentum)
                layers[f"act{index}"] = make_activation(activation)
            layers[f"conv{index}"] = Conv2d(channels, width, kernel, stride, kernel // 2, bias=False)
            channels = width
        self.branch = FusedSequential(layers)
        stride = max(strides)
        self.shortcut: nn.Module | None = None
        if residual and (in_channels != channels or stride != 1):
            if shortcut == "A":
                self.shortcut = PadShortcut(in_channels, channels, stride)
            else:
                self.shortcut = Conv2d(in_channels, channels, 1, stride, bias=False)
        self.residual = residual

    def forward(self, maps: Tensor) -> Tensor:
        """Return N x widths[-1] x h x w from N x in_channels x H x W."""
        activated = self.act1(self.norm1(maps))
        branch = self.branch(activated)  # N x widths[-1] x h x w
        if not self.residual:
            return branch
        return branch + (maps if self.shortcut is None else self.shortcut(activated))


def _preact_resnet(
    depth: int,
    in_channels: int,
    num_classes: int,
    activation: Activation,
    shortcut: Shortcut,
    residual: bool,
    norm_momentum: float,
    stride_at: StrideAt | None = None,
) -> ImageClassifier:
    """Return a network with `depth` weighted layers, of bottlenecks if `stride_at` is given."""
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        conv1=Conv2d(in_channels, 64, 7, 2, padding=3, bias=False),  # N x 64 x 112 x 112
        norm1=nn.BatchNorm2d(64, momentum=norm_momentum),
        act1=make_activation(activation),
        pool1=nn.MaxPool2d(3, 2, padding=1),  # N x 64 x 56 x 56
    )
    channels = 64
    for stage, num_blocks in enumerate(BLOCKS[depth], start=1):
        width = 64 * 2 ** (stage - 1)
        blocks: OrderedDict[str, nn.Module] = OrderedDict()
        for index in range(1, num_blocks + 1):
            stride = 2 if stage > 1 and index == 1 else 1
            widths, kernels, strides = (width, width), (3, 3), (stride, 1)
            if stride_at is not None:
                widths, kernels = (width, width, width * EXPANSION), (1, 3, 1)
                strides = (stride, 1, 1) if stride_at == "first" else (1, stride, 1)
            blocks[f"block{index}"] = PreActivationBlock(
                channels,
                is_first=stage == 1 and index == 1,
                widths=widths,
                kernels=kernels,
                strides=strides,
                activation=activation,
                shortcut=shortcut,
                residual=residual,
                norm_momentum=norm_momentum,
            )
            channels = widths[-1]
        layers[f"stage{stage}"] = nn.Sequential(blocks)
        # N x 64 x 56 x 56 to N x 512 x 7 x 7; four times the channels with bottlenecks
    layers["norm2"] = nn.BatchNorm2d(channels, momentum=norm_momentum)
    layers["act2"] = make_activation(activation)
    head = nn.Sequential(
        OrderedDict(
            pool=nn.AdaptiveAvgPool2d(1),
            flatten=nn.Flatten(),  # N x 512, or N x 2048
            fc=nn.Linear(channels, num_classes),
        )
    )
    network = ImageClassifier(nn.Sequential(layers), head)
    initialize(network, activation)
    return network


_register = register_model(
    year=2016,
    paper="arXiv:1603.05027",
    image_size=224,
    source="Pre-activation ResNet for ImageNet",
    in_channels=3,
)


@_register
def preact_resnet18(
    *,
    in_channels: int = 3,
    num_classes: int = 1000,
    activation: Activation = "relu",
    shortcut: Shortcut = "B",
    residual: bool = True,
    norm_momentum: NormMomentum = 0.1,
) -> ImageClassifier:
    """Pre-activation network of 18 layers, 11,687,720 parameters for 1,000 classes."""
    args = activation, shortcut, residual, norm_momentum
    return _preact_resnet(18, in_channels, num_classes, *args)


@_register
def preact_resnet34(
    *,
    in_channels: int = 3,
    num_classes: int = 1000,
    activation: Activation = "relu",
    shortcut: Shortcut = "B",
    residual: bool = True,
    norm_momentum: NormMomentum = 0.1,
) -> ImageClassifier:
    """Pre-activation network of 34 layers, 21,795,880 parameters for 1,000 classes."""
    args = activation, shortcut, residual, norm_momentum
    return _preact_resnet(34, in_channels, num_classes, *args)


@_register
def preact_resnet50(
    *,
    in_channels: int = 3,
    num_classes: int = 1000,
    activation: Activation = "relu",
    shortcut: Shortcut = "B",
    residual: bool = True,
    norm_momentum: NormMomentum = 0.1,
    stride_at: StrideAt = "first",
) -> ImageClassifier:
    """Pre-activation network of 50 layers in bottlenecks, 25,549,352 parameters for 1,000 classes."""
    args = activation, shortcut, residual, norm_momentum, stride_at
    return _preact_resnet(50, in_channels, num_classes, *args)


@_register
def preact_resnet101(
    *,
    in_channels: int = 3,
    num_classes: int = 1000,
    activation: Activation = "relu",
    shortcut: Shortcut = "B",
    residual: bool = True,
    norm_momentum: NormMomentum = 0.1,
    stride_at: StrideAt = "first",
) -> ImageClassifier:
    """Pre-activation network of 101 layers in bottlenecks, 44,541,480 parameters for 1,000 classes."""
    args = activation, shortcut, residual, norm_momentum, stride_at
    return _preact_resnet(101, in_channels, num_classes, *args)


@_register
def preact_resnet152(
    *,
    in_channels: int = 3,
    num_classes: int = 1000,
    activation: Activation = "relu",
    shortcut: Shortcut = "B",
    residual: bool = True,
    norm_momentum: NormMomentum = 0.1,
    stride_at: StrideAt = "first",
) -> ImageClassifier:
    """Pre-activation network of 152 layers in bottlenecks, 60,185,128 parameters for 1,000 classes."""
    args = activation, shortcut, residual, norm_momentum, stride_at
    return _preact_resnet(152, in_channels, num_classes, *args)
