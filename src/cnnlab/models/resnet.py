"""Residual networks for ImageNet: four stages of 64, 128, 256 and 512 channels, 18 to 152 layers.

The builders' arguments are those of the block. `stride_at` says which convolution of a bottleneck halves the
size: the first 1x1, as in the paper, or the 3x3, as most later implementations have it, at more multiply-adds
and a little more accuracy.

Source: He et al., "Deep Residual Learning for Image Recognition", arXiv:1512.03385, sections 3 and 4.1 and
table 1.

Deviations from the paper
- The default of `shortcut` is B at every depth, as in the models published since; the paper's table 2 has
  option A at 18 and 34 layers, its table 3 compares the two.
- The last dense layer's weights start with standard deviation 0.01, see `nn.initialize`.
- The paper does not say where option A puts its channels of zeros; here they follow the old ones.
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


class Block(nn.Module):
    """Convolutions, each with its normalisation, and the input added before the last activation.

    Args:
        in_channels: channels that come in.
        widths: channels of each convolution.
        kernels: window of each, in pixels: 3 and 3, or 1, 3 and 1 in a bottleneck.
        strides: stride of each.
        activation: after each normalisation but the last, and after the addition.
        shortcut: how the input becomes as large as the output where the two differ.
        residual: add the input; else the block of the paper's plain network.
        norm_momentum: of batch norm, see `nn.NormMomentum`.
    """

    def __init__(
        self,
        in_channels: int,
        *,
        widths: tuple[int, ...],
        kernels: tuple[int, ...],
        strides: tuple[int, ...],
        activation: Activation,
        shortcut: Shortcut,
        residual: bool,
        norm_momentum: float,
    ) -> None:
        super().__init__()
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        channels = in_channels
        for index, (width, kernel, stride) in enumerate(zip(widths, kernels, strides, strict=True), start=1):
            if index > 1:
                layers[f"act{index - 1}"] = make_activation(activation)
            layers[f"conv{index}"] = Conv2d(channels, width, kernel, stride, kernel // 2, bias=False)
            layers[f"norm{index}"] = nn.BatchNorm2d(width, momentum=norm_momentum)
            channels = width
        self.branch = FusedSequential(layers)
        self.last_act = make_activation(activation)
        stride = max(strides)
        self.shortcut: nn.Module | None = None
        if residual and in_channels == channels and stride == 1:
            self.shortcut = nn.Identity()
        elif residual and shortcut == "A":
            self.shortcut = PadShortcut(in_channels, channels, stride)
        elif residual:
            self.shortcut = nn.Sequential(
                OrderedDict(
                    conv=Conv2d(in_channels, channels, 1, stride, bias=False),
                    norm=nn.BatchNorm2d(channels, momentum=norm_momentum),
                )
            )

    def forward(self, maps: Tensor) -> Tensor:
        """Return N x widths[-1] x h x w from N x in_channels x H x W."""
        branch = self.branch(maps)  # N x widths[-1] x h x w
        if self.shortcut is not None:
            branch = branch + self.shortcut(maps)
        return self.last_act(branch)


def _resnet(
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
            blocks[f"block{index}"] = Block(
                channels,
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
    year=2015, paper="arXiv:1512.03385", image_size=224, source="ResNet for ImageNet", in_channels=3
)


@_register
def resnet18(
    *,
    in_channels: int = 3,
    num_classes: int = 1000,
    activation: Activation = "relu",
    shortcut: Shortcut = "B",
    residual: bool = True,
    norm_momentum: NormMomentum = 0.1,
) -> ImageClassifier:
    """Residual network of 18 layers, 11,689,512 parameters for 1,000 classes."""
    args = activation, shortcut, residual, norm_momentum
    return _resnet(18, in_channels, num_classes, *args)


@_register
def resnet34(
    *,
    in_channels: int = 3,
    num_classes: int = 1000,
    activation: Activation = "relu",
    shortcut: Shortcut = "B",
    residual: bool = True,
    norm_momentum: NormMomentum = 0.1,
) -> ImageClassifier:
    """Residual network of 34 layers, 21,797,672 parameters for 1,000 classes."""
    args = activation, shortcut, residual, norm_momentum
    return _resnet(34, in_channels, num_classes, *args)


@_register
def resnet50(
    *,
    in_channels: int = 3,
    num_classes: int = 1000,
    activation: Activation = "relu",
    shortcut: Shortcut = "B",
    residual: bool = True,
    norm_momentum: NormMomentum = 0.1,
    stride_at: StrideAt = "first",
) -> ImageClassifier:
    """Residual network of 50 layers in bottlenecks, 25,557,032 parameters for 1,000 classes."""
    args = activation, shortcut, residual, norm_momentum, stride_at
    return _resnet(50, in_channels, num_classes, *args)


@_register
def resnet101(
    *,
    in_channels: int = 3,
    num_classes: int = 1000,
    activation: Activation = "relu",
    shortcut: Shortcut = "B",
    residual: bool = True,
    norm_momentum: NormMomentum = 0.1,
    stride_at: StrideAt = "first",
) -> ImageClassifier:
    """Residual network of 101 layers in bottlenecks, 44,549,160 parameters for 1,000 classes."""
    args = activation, shortcut, residual, norm_momentum, stride_at
    return _resnet(101, in_channels, num_classes, *args)


@_register
def resnet152(
    *,
    in_channels: int = 3,
    num_classes: int = 1000,
    activation: Activation = "relu",
    shortcut: Shortcut = "B",
    residual: bool = True,
    norm_momentum: NormMomentum = 0.1,
    stride_at: StrideAt = "first",
) -> ImageClassifier:
    """Residual network of 152 layers in bottlenecks, 60,192,808 parameters for 1,000 classes."""
    args = activation, shortcut, residual, norm_momentum, stride_at
    return _resnet(152, in_channels, num_classes, *args)
