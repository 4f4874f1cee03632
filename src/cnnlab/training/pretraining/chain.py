"""A network's features as a chain of stages: a convolution, its activation, and what follows."""

from dataclasses import dataclass

from torch import Tensor, nn

from cnnlab.errors import ConfigError
from cnnlab.nn import LocalResponseNorm

ACTIVATIONS = (nn.ReLU, nn.Tanh, nn.Sigmoid)
POOLS = (nn.MaxPool2d, nn.AvgPool2d)
PASSED_THROUGH = (*ACTIVATIONS, *POOLS, nn.AdaptiveAvgPool2d, LocalResponseNorm, nn.Dropout)


@dataclass(frozen=True)
class Stage:
    """One convolution of a chain.

    Attributes:
        name: the convolution's, such as `conv1`.
        conv: the convolution itself, part of the network.
        activation: what follows it directly.
        following: activation, pooling, normalisation and dropout up to the next convolution, in their order.
        block: edge of the squares of outputs of which pooling keeps one value; 1 where nothing is pooled.
    """

    name: str
    conv: nn.Conv2d
    activation: nn.Module
    following: nn.Sequential
    block: int

    def forward(self, maps: Tensor) -> Tensor:
        """Return what the next stage takes, N x C x H x W in and out."""
        return self.following(self.conv(maps))


def stages_of(network: str, features: nn.Sequential) -> list[Stage]:
    """Return the stages of a network's features.

    Args:
        network: its name, for messages.
        features: named layers.

    Raises:
        ConfigError: the features are no chain of convolutions, each followed by its activation.
    """
    layers = list(features.named_children())
    starts = [place for place, (_, layer) in enumerate(layers) if isinstance(layer, nn.Conv2d)]
    if not starts or starts[0] != 0:
        raise _not_a_chain(network, f"its features begin with {layers[0][0]!r}")
    stages = []
    for start, end in zip(starts, [*starts[1:], len(layers)], strict=True):
        (name, conv), *others = layers[start:end]
        assert isinstance(conv, nn.Conv2d)
        if not others or not isinstance(others[0][1], ACTIVATIONS):
            what = f"is followed by {others[0][0]!r}" if others else "is the last layer"
            raise _not_a_chain(network, f"its convolution {name!r} {what}")
        for other, layer in others:
            if not isinstance(layer, PASSED_THROUGH):
                raise _not_a_chain(network, f"its layer {other!r} is a {type(layer).__name__}")
        following = nn.Sequential(*(layer for _, layer in others))
        stages.append(Stage(name, conv, others[0][1], following, _pool_stride(following)))
    return stages


def _pool_stride(layers: nn.Sequential) -> int:
    pool = next((layer for layer in layers if isinstance(layer, POOLS)), None)
    if pool is None:
        return 1
    return pool.stride if isinstance(pool.stride, int) else pool.stride[0]


def _not_a_chain(network: str, why: str) -> ConfigError:
    rule = (
        "only features that are a chain of convolutions, each followed by its activation, can be pre-trained"
    )
    return ConfigError(
        f"pretrain.method: {rule}. Received: {network}: {why}. "
        "Set pretrain.method=none, or take a network such as convnet_mnist or alexnet_mnist3."
    )
