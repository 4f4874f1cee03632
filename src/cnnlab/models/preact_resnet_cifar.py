"""Residual networks with pre-activation for CIFAR-10: three stages of 16, 32 and 64 channels, depth 6n + 2.

Normalisation and activation come before each convolution, and nothing stands on the way from one addition to
the next. The first block's own pre-activation is the stem's, and a last one follows the last addition, as the
paper's appendix says; so there are as many parameters as in the first version at the same depth.

Source: He et al., "Identity Mappings in Deep Residual Networks", arXiv:1603.05027, section 4 and appendix.

Deviations from the paper
- Blocks of two 3x3 convolutions at all depths; the paper has them at depth 110, and blocks of three at 164
  and 1,001.
- The last dense layer's weights start with standard deviation 0.01, see `nn.initialize`.
- Where the size changes the shortcut starts from the block's input, as the paper's equations say; its
  published code starts from the activated input there.
"""

from collections import OrderedDict
from typing import Literal

from torch import Tensor, nn

from cnnlab.models.classifier import ImageClassifier
from cnnlab.models.registry import register_model
from cnnlab.nn import (
    Activation,
    Conv2d,
    NormMomentum,
    PadShortcut,
    conv_norm_act,
    initialize,
    make_activation,
    norm_act,
)

Shortcut = Literal["A", "B"]


class PreActivationBlock(nn.Module):
    """Twice normalisation, activation and a convolution of 3x3; then the block's input is added.

    Args:
        in_channels: channels that come in.
        out_channels: channels that go out.
        stride: of the first convolution.
        is_first: the input is already normalised and activated, by the stem.
        activation: before both convolutions.
        shortcut: how the input becomes as large as the output where the two differ.
        residual: add the input; else a plain network.
        norm_momentum: of batch norm, see `nn.NormMomentum`; 0.003 for TensorFlow's decay of 0.997.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        stride: int,
        *,
        is_first: bool,
        activation: Activation,
        shortcut: Shortcut,
        residual: bool,
        norm_momentum: float,
    ) -> None:
        super().__init__()
        self.norm1 = nn.Identity() if is_first else nn.BatchNorm2d(in_channels, momentum=norm_momentum)
        self.act1 = nn.Identity() if is_first else make_activation(activation)
        self.conv1 = Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(out_channels, momentum=norm_momentum)
        self.act2 = make_activation(activation)
        self.conv2 = Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.shortcut: nn.Module | None = None
        if residual and in_channels == out_channels and stride == 1:
            self.shortcut = nn.Identity()
        elif residual and shortcut == "A":
            self.shortcut = PadShortcut(in_channels, out_channels, stride)
        elif residual:
            self.shortcut = Conv2d(in_channels, out_channels, 1, stride, bias=False)

    def forward(self, maps: Tensor) -> Tensor:
        """Return N x out_channels x h x w from N x in_channels x H x W."""
        branch = norm_act(self.norm1, self.act1, maps)
        # N x out_channels x h x w
        branch = self.conv2(conv_norm_act(self.conv1, self.norm2, self.act2, branch))
        if self.shortcut is not None:
            branch = branch + self.shortcut(maps)
        return branch


def _preact_resnet(
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
            blocks[f"block{index}"] = PreActivationBlock(
                channels,
                width,
                stride,
                is_first=stage == 1 and index == 1,
                activation=activation,
                shortcut=shortcut,
                residual=residual,
                norm_momentum=norm_momentum,
            )
            channels = width
        layers[f"stage{stage}"] = nn.Sequential(blocks)
        # N x 16 x 32 x 32, then N x 32 x 16 x 16, then N x 64 x 8 x 8
    layers["norm2"] = nn.BatchNorm2d(channels, momentum=norm_momentum)
    layers["act2"] = make_activation(activation)
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
    year=2016,
    paper="arXiv:1603.05027",
    image_size=32,
    source="Pre-activation ResNet for CIFAR-10",
    in_channels=3,
)


@_register
def preact_resnet20(
    *,
    in_channels: int = 3,
    num_classes: int = 10,
    activation: Activation = "relu",
    shortcut: Shortcut = "A",
    residual: bool = True,
    norm_momentum: NormMomentum = 0.1,
) -> ImageClassifier:
    """Pre-activation residual network of 20 layers, 269,722 parameters on CIFAR-10.

    The arguments are those of the block.
    """
    return _preact_resnet(20, in_channels, num_classes, activation, shortcut, residual, norm_momentum)


@_register
def preact_resnet32(
    *,
    in_channels: int = 3,
    num_classes: int = 10,
    activation: Activation = "relu",
    shortcut: Shortcut = "A",
    residual: bool = True,
    norm_momentum: NormMomentum = 0.1,
) -> ImageClassifier:
    """Pre-activation residual network of 32 layers, 464,154 parameters on CIFAR-10.

    The arguments are those of the block.
    """
    return _preact_resnet(32, in_channels, num_classes, activation, shortcut, residual, norm_momentum)


@_register
def preact_resnet44(
    *,
    in_channels: int = 3,
    num_classes: int = 10,
    activation: Activation = "relu",
    shortcut: Shortcut = "A",
    residual: bool = True,
    norm_momentum: NormMomentum = 0.1,
) -> ImageClassifier:
    """Pre-activation residual network of 44 layers, 658,586 parameters on CIFAR-10.

    The arguments are those of the block.
    """
    return _preact_resnet(44, in_channels, num_classes, activation, shortcut, residual, norm_momentum)


@_register
def preact_resnet56(
    *,
    in_channels: int = 3,
    num_classes: int = 10,
    activation: Activation = "relu",
    shortcut: Shortcut = "A",
    residual: bool = True,
    norm_momentum: NormMomentum = 0.1,
) -> ImageClassifier:
    """Pre-activation residual network of 56 layers, 853,018 parameters on CIFAR-10.

    The arguments are those of the block.
    """
    return _preact_resnet(56, in_channels, num_classes, activation, shortcut, residual, norm_momentum)


@_register
def preact_resnet110(
    *,
    in_channels: int = 3,
    num_classes: int = 10,
    activation: Activation = "relu",
    shortcut: Shortcut = "A",
    residual: bool = True,
    norm_momentum: NormMomentum = 0.1,
) -> ImageClassifier:
    """Pre-activation residual network of 110 layers, 1,727,962 parameters on CIFAR-10.

    The arguments are those of the block.
    """
    return _preact_resnet(110, in_channels, num_classes, activation, shortcut, residual, norm_momentum)
