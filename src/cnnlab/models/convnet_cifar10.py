"""The network of the CIFAR-10 speed-runs: fixed whitening filters, three groups of convolutions.

Source: K. Jordan, "94% on CIFAR-10 in 3.29 Seconds on a Single A100", arXiv:2404.00498, section 3.

Deviations from the source
- The logits are not divided by 9; the last layer starts with weights nine times smaller, which with a rate 81
  times smaller is the same.
- The whitening filters' biases learn until the end, at the rate of the other biases.
- Maps of a single pixel, as images of less than 9 pixels come to, are not pooled.
"""

from collections import OrderedDict
from typing import Literal

import torch
from torch import Tensor, nn

from cnnlab.errors import GeometryError
from cnnlab.models.classifier import ImageClassifier
from cnnlab.models.registry import register_model
from cnnlab.nn import (
    Conv2d,
    ConvNormAct,
    Width,
    conv_norm_act,
    conv_output_size,
    conv_pair,
    norm_act,
    run_pool,
    whitening_filters,
)

KERNEL = 2
NORM_MOMENTUM = 0.4
HEAD_SCALE = 1 / 9


class ConvGroup(nn.Module):
    """A convolution and pooling, then one or two convolutions more, each with batch norm.

    Args:
        in_channels: channels that come in.
        out_channels: channels that go out.
        depth: convolutions, 2 or 3; with 3, the maps after pooling are added before the last activation.
        activation: makes the layer after each normalisation.
        is_pooled: after the first convolution.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        depth: int,
        activation: type[nn.Module],
        *,
        is_pooled: bool,
    ) -> None:
        super().__init__()
        self.conv1 = Conv2d(in_channels, out_channels, 3, padding=1, bias=False)
        self.pool1 = nn.MaxPool2d(2) if is_pooled else nn.Identity()
        self.norm1, self.act1 = _norm(out_channels), activation()
        self.conv2 = Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.norm2, self.act2 = _norm(out_channels), activation()
        self.conv3: nn.Module | None = None
        if depth == 3:
            self.conv3 = Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
            self.norm3, self.act3 = _norm(out_channels), activation()

    def forward(self, maps: Tensor) -> Tensor:
        """Return N x out_channels x h/2 x w/2 from N x in_channels x h x w."""
        maps = run_pool(self.pool1, self.conv1(maps))  # N x out_channels x h/2 x w/2
        maps = norm_act(self.norm1, self.act1, maps)
        branch = ConvNormAct(self.conv2, self.norm2, self.act2)
        if self.conv3 is None:
            return conv_norm_act(*branch, maps)
        return conv_pair(branch, ConvNormAct(self.conv3, self.norm3, self.act3), maps, maps)


class WhitenedClassifier(ImageClassifier):
    """A network whose first filters are made from the training images, and then fixed."""

    def start_from_images(self, images: Tensor) -> None:
        """Make the first filters whiten these images' patches; N x C x H x W, float, normalised."""
        whiten = self.features.whiten
        assert isinstance(whiten, nn.Conv2d)
        with torch.no_grad():
            whiten.weight.copy_(whitening_filters(images, KERNEL))


@register_model(
    year=2024, paper="arXiv:2404.00498", image_size=32, source="CIFAR-10 speed-runs", in_channels=3
)
def convnet_cifar10(
    *,
    in_channels: int = 3,
    num_classes: int = 10,
    image_size: int = 32,
    width1: Width = 64,
    width2: Width = 256,
    width3: Width = 256,
    depth: Literal[2, 3] = 2,
    activation: Literal["gelu", "relu"] = "gelu",
) -> ImageClassifier:
    """Whitening filters of 2x2, three groups of two or three convolutions, one dense layer.

    Args:
        in_channels: channels of the images.
        num_classes: how many logits.
        image_size: height and width of the images, in pixels; at least 2.
        width1: channels of the first group; the source has 64, and 128 for 96 %.
        width2: of the second; 256, and 384.
        width3: of the third; 256, and 512.
        depth: convolutions in each group: 2, and 3.
        activation: after the whitening filters and after every normalisation.

    Raises:
        GeometryError: the images are a single pixel.
    """
    if image_size < KERNEL:
        raise GeometryError(
            f"convnet_cifar10: images must be at least {KERNEL}x{KERNEL} pixels. Received: "
            f"image_size={image_size}."
        )
    make = nn.GELU if activation == "gelu" else nn.ReLU
    num_filters = 2 * in_channels * KERNEL**2
    whiten = Conv2d(in_channels, num_filters, KERNEL)
    whiten.weight.requires_grad_(False)
    nn.init.zeros_(whiten.bias)  # pyright: ignore[reportArgumentType] # it has one
    layers: OrderedDict[str, nn.Module] = OrderedDict(whiten=whiten, act=make())  # N x 24 x 31 x 31
    channels, size = num_filters, conv_output_size(image_size, kernel=KERNEL, stride=1, padding=0)
    for number, width in enumerate((width1, width2, width3), start=1):
        layers[f"group{number}"] = ConvGroup(channels, width, depth, make, is_pooled=size > 1)
        channels, size = width, max(1, size // 2)
        # N x width1 x 15 x 15, then N x width2 x 7 x 7, then N x width3 x 3 x 3
    features = nn.Sequential(layers)
    head = nn.Sequential(
        OrderedDict(
            pool=nn.AdaptiveMaxPool2d(1),  # N x width3 x 1 x 1
            flatten=nn.Flatten(),
            fc=nn.Linear(width3, num_classes, bias=False),
        )
    )
    with torch.no_grad():
        head.fc.weight.mul_(HEAD_SCALE)  # pyright: ignore[reportCallIssue, reportAttributeAccessIssue]
    network = WhitenedClassifier(features, head)
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d) and layer is not whiten:
            # The first channels pass through at first; the others start as torch starts them.
            nn.init.dirac_(layer.weight[: layer.weight.shape[1]])
    return network


def _norm(channels: int) -> nn.BatchNorm2d:
    """Return batch norm of fixed scale."""
    norm = nn.BatchNorm2d(channels, eps=1e-12, momentum=NORM_MOMENTUM)
    norm.weight.requires_grad_(False)
    return norm
