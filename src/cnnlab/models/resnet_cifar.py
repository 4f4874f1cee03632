"""Residual networks for CIFAR-10: three stages of 16, 32 and 64 channels, depth 6n + 2.

Source: He et al., "Deep Residual Learning for Image Recognition", arXiv:1512.03385, section 4.2.

Deviations from the paper
- The last dense layer's weights start with standard deviation 0.01, see `nn.initialize`.
- Option B, which the paper has on ImageNet only, is offered here too; A is the default.
- The paper does not say where option A puts its channels of zeros; here they follow the old ones.
"""

from collections import OrderedDict
from typing import Literal

from torch import Tensor, nn

from cnnlab.models.classifier import ImageClassifier
from cnnlab.models.registry import register_model
from cnnlab.nn import (
    Activation,
    Conv2d,
    ConvNormAct,
    NormMomentum,
    PadShortcut,
    conv_pair,
    initialize,
    make_activation,
)

Shortcut = Literal["A", "B"]


class ResidualBlock(nn.Module):
    """Two convolutions of 3x3, and the input added before the last activation.

    Args:
        in_channels: channels that come in.
        out_channels: channels that go out.
        stride: of the first convolution.
        activation: after the first normalisation, and after the addition.
        shortcut: how the input becomes as large as the output where the two differ.
        residual: add the input; else the block of the paper's plain network.
        norm_momentum: of batch norm, see `nn.NormMomentum`; 0.003 for TensorFlow's decay of 0.997.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        stride: int,
        *,
        activation: Activation,
        shortcut: Shortcut,
        residual: bool,
        norm_momentum: float,
    ) -> None:
        super().__init__()
        self.conv1 = Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(out_channels, momentum=norm_momentum)
        self.act1 = make_activation(activation)
        self.conv2 = Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(out_channels, momentum=norm_momentum)
        self.act2 = make_activation(activation)
        self.shortcut: nn.Module | None = None
        if residual and in_channels == out_channels and stride == 1:
            self.shortcut = nn.Identity()
        elif residual and shortcut == "A":
            self.shortcut = PadShortcut(in_channels, out_channels, stride)
        elif residual:
            self.shortcut = nn.Sequential(
                OrderedDict(
                    conv=Conv2d(in_channels, out_channels, 1, stride, bias=False),
                    norm=nn.BatchNorm2d(out_channels, momentum=norm_momentum),
                )
            )

    def forward(self, maps: Tensor) -> Tensor:
        """Return N x out_channels x h x w from N x in_channels x H x W."""
        first = ConvNormAct(self.conv1, self.norm1, self.act1)
        second = ConvNormAct(self.conv2, self.norm2, self.act2)
        return conv_pair(first, second, maps, None if self.shortcut is None else self.shortcut(maps))


def _resnet(
    depth: int,
    in_channels: int,
    num_classes: int,
    activation: Activation,
    shortcut: Shortcut,
    residual: bool,
    norm_momentum: float,
) -> ImageClassifier:
    """Return a network with `depth` weighted layers; weights as `nn.initialize` says, He's for ReLU."""
    blocks_per_stage, remainder = divmod(depth - 2, 6)
    assert remainder == 0, depth
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        conv1=Conv2d(in_channels, 16, 3, padding=1, bias=False),  # N x 16 x 32 x 32
        norm1=nn.BatchNorm2d(16, momentum=norm_momentum),
        act1=make_activation(activation),
    )
    channels = 16
    for stage, width in enumerate((16, 32, 64), start=1):
        blocks: OrderedDict[str, nn.Module] = OrderedDict()
        for index in range(1, blocks_per_stage + 1):
            stride = 2 if stage > 1 and index == 1 else 1
            blocks[f"block{index}"] = ResidualBlock(
                channels,
                width,
                stride,
                activation=activation,
                shortcut=shortcut,
                residual=residual,
                norm_momentum=norm_momentum,
            )
            channels = width
        layers[f"stage{stage}"] = nn.Sequential(blocks)
        # N x 16 x 32 x 32, then N x 32 x 16 x 16, then N x 64 x 8 x 8
    head = nn.Sequential(
        OrderedDict(
            pool=nn.AdaptiveAvgPool2d(1),  # N x 64 x 1 x 1
            flatten=nn.Flatten(),  # N x 64
            fc=nn.Linear(channels, num_classes),
        )
    )
    network = ImageClassifier(nn.Sequential(layers), head)
    initialize(network, activation)
    return network


_register = register_model(
    year=2015, paper="arXiv:1512.03385", image_size=32, source="ResNet for CIFAR-10", in_channels=3
)


@_register
def resnet20(
    *,
    in_channels: int = 3,
    num_classes: int = 10,
    activation: Activation = "relu",
    shortcut: Shortcut = "A",
    residual: bool = True,
    norm_momentum: NormMomentum = 0.1,
) -> ImageClassifier:
    """Residual network of 20 layers, 269,722 parameters on CIFAR-10.

    The arguments are those of the block.
    """
    return _resnet(20, in_channels, num_classes, activation, shortcut, residual, norm_momentum)


@_register
def resnet32(
    *,
    in_channels: int = 3,
    num_classes: int = 10,
    activation: Activation = "relu",
    shortcut: Shortcut = "A",
    residual: bool = True,
    norm_momentum: NormMomentum = 0.1,
) -> ImageClassifier:
    """Residual network of 32 layers, 464,154 parameters on CIFAR-10.

    The arguments are those of the block.
    """
    return _resnet(32, in_channels, num_classes, activation, shortcut, residual, norm_momentum)


@_register
def resnet44(
    *,
    in_channels: int = 3,
    num_classes: int = 10,
    activation: Activation = "relu",
    shortcut: Shortcut = "A",
    residual: bool = True,
    norm_momentum: NormMomentum = 0.1,
) -> ImageClassifier:
    """Residual network of 44 layers, 658,586 parameters on CIFAR-10.

    The arguments are those of the block.
    """
    return _resnet(44, in_channels, num_classes, activation, shortcut, residual, norm_momentum)


@_register
def resnet56(
    *,
    in_channels: int = 3,
    num_classes: int = 10,
    activation: Activation = "relu",
    shortcut: Shortcut = "A",
    residual: bool = True,
    norm_momentum: NormMomentum = 0.1,
) -> ImageClassifier:
    """Residual network of 56 layers, 853,018 parameters on CIFAR-10.

    The arguments are those of the block.
    """
    return _resnet(56, in_channels, num_classes, activation, shortcut, residual, norm_momentum)


@_register
def resnet110(
    *,
    in_channels: int = 3,
    num_classes: int = 10,
    activation: Activation = "relu",
    shortcut: Shortcut = "A",
    residual: bool = True,
    norm_momentum: NormMomentum = 0.1,
) -> ImageClassifier:
    """Residual network of 110 layers, 1,727,962 parameters on CIFAR-10.

    The arguments are those of the block.
    """
    return _resnet(110, in_channels, num_classes, activation, shortcut, residual, norm_momentum)
