"""What is computed by TensorFlow and by cnnlab: settings, inputs and weights, for both sides alike.

Everything has TensorFlow's layout: images N x H x W x C, kernels height x width x in x out, dense weights
in x out. Only numpy is imported, since the TensorFlow environment has neither torch nor cnnlab.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from drawn import bell, uniform
from numpy.typing import NDArray

Array = NDArray[np.float32]

# --- local response normalisation -----------------------------------------------------------------------


class LrnCase(NamedTuple):
    """Arguments of `tf.nn.lrn`, the channels of the maps, and how large their values are."""

    source: str
    radius: int
    bias: float
    alpha: float
    channels: int
    scale: float

    @property
    def key(self) -> str:
        return f"{self.source}-{self.channels}-{self.scale:g}"

    def maps(self) -> Array:
        return np.float32(self.scale) * bell(f"lrn maps {self.key}", 2, 3, 2, self.channels)

    def output_grad(self) -> Array:
        return bell(f"lrn output grad {self.key}", 2, 3, 2, self.channels)


# 1, 4 and 7 channels are fewer than the tutorial's window of 9, and 3 fewer than the paper's of 5. Maps of 30
# make the denominator about 2; those of networks with weights from N(0, 1) are in the thousands.
LRN_CASES = [
    LrnCase(source, radius, bias, alpha, channels, scale)
    for source, radius, bias, alpha, counts in [
        ("tutorial", 4, 1.0, 0.001 / 9, (1, 4, 7, 9, 64)),
        ("paper", 2, 2.0, 1e-4, (3, 5, 96)),
    ]
    for channels in counts
    for scale in (30.0, 3000.0)
]

# --- pooling --------------------------------------------------------------------------------------------


class PoolCase(NamedTuple):
    """SAME pooling every 2 pixels with a square window of 2 or 3."""

    pool: str
    window: int
    size: int

    @property
    def key(self) -> str:
        return f"{self.pool}-{self.window}-{self.size}"

    def maps(self) -> Array:
        return bell(f"pool maps {self.key}", 2, self.size, self.size, 2)

    def output_grad(self) -> Array:
        half = -(-self.size // 2)
        return bell(f"pool output grad {self.key}", 2, half, half, 2)


POOL_CASES = [
    PoolCase(pool, window, size) for pool in ("max", "average") for window in (2, 3) for size in (1, 7, 8, 13)
]

# --- convolution ----------------------------------------------------------------------------------------


class ConvCase(NamedTuple):
    """One convolution, named after the network that has it; `padding` is an amount, or None for SAME."""

    network: str
    layer: str
    kernel: int
    stride: int
    padding: int | None
    in_channels: int
    out_channels: int
    size: int

    def maps(self) -> Array:
        return bell(f"conv maps {self.network}", 1, self.size, self.size, self.in_channels)

    def weight(self) -> Array:
        shape = (self.kernel, self.kernel, self.in_channels, self.out_channels)
        return bell(f"conv weight {self.network}", *shape)

    def output_grad(self) -> Array:
        padding = self.kernel // 2 if self.padding is None else self.padding
        out_size = (self.size + 2 * padding - self.kernel) // self.stride + 1
        return bell(f"conv output grad {self.network}", 1, out_size, out_size, self.out_channels)


CONV_CASES = [
    ConvCase("alexnet_mnist3", "conv1", 3, 1, None, 1, 64, 7),
    ConvCase("convnet_mnist", "conv1", 5, 1, None, 1, 32, 7),
    # The residual networks pad by 1 on both sides; SAME would start one pixel later at even sizes.
    ConvCase("resnet20", "stage2.block1.conv1", 3, 2, 1, 16, 32, 8),
    ConvCase("alexnet", "conv1", 11, 4, 2, 3, 96, 19),
]

# --- optimizers -----------------------------------------------------------------------------------------

NUM_STEPS = 30
GRAD_SCALES = [1e-8, 1e-6, 1e-4, 1e-2, 1.0, 100.0, 1e4]
"""Gradients from where `eps` rules to those of the faithful networks."""
LRS = {"adadelta": 0.02, "adam": 0.001, "sgd": 0.1}


def gradients() -> Array:
    """Return NUM_STEPS x scales x 4 gradients; weights start from 0, so that no digit of a change is lost."""
    scales = np.float32(GRAD_SCALES)[:, None]
    return scales * bell("optimizer gradients", NUM_STEPS, len(GRAD_SCALES), 4)


def rate_factor(step: int) -> float:
    """Return the factor of the rate at a step, a power of 2: the rate changes, and stays exact."""
    return [1.0, 0.5, 0.25][step * 3 // NUM_STEPS]


# --- batch norm -----------------------------------------------------------------------------------------

NORM_BATCHES = 5
NORM_DECAY = 0.997
NORM_EPS = 1e-5
NORM_COUNT = 4 * 3 * 3
"""Values of each channel in a batch."""


def norm_batch(index: int) -> Array:
    """Return a batch whose channels have different means and deviations."""
    spread = np.float32(1 + np.arange(16))
    return spread * (bell(f"norm batch {index}", 4, 3, 3, 16) + np.float32(0.5))


# --- dropout --------------------------------------------------------------------------------------------

KEEP_PROBS = [0.25, 0.75, 0.8, 0.95]
"""What the tutorials pass to TensorFlow 1."""
DROPOUT_COUNT = 200_000

# --- whole networks -------------------------------------------------------------------------------------

NUM_IMAGES = 4
GAIN = math.sqrt(2)


class NetworkCase(NamedTuple):
    """A network with fixed weights.

    `weights` says how they are drawn: `scaled`: deviation sqrt(2 / fan_in), biases 0.1: logits near 1;
    `standard-normal`: 1 for weights and biases, as in two tutorials; `truncated-normal`: 0.1, cut at 0.2,
    biases 0, as in the other.
    """

    name: str
    network: str
    args: dict[str, Any]
    weights: str
    conv: tuple[tuple[int, int], ...]  # kernel, maps
    dense: tuple[int, ...]  # the first is what is flattened

    @property
    def key(self) -> str:
        return f"{self.name}-{self.weights}"

    def layers(self) -> dict[str, tuple[Array, Array]]:
        """Return the kernel or matrix and the bias of each layer by its name here."""
        shapes: dict[str, tuple[int, ...]] = {}
        in_channels = 1
        for index, (kernel, maps) in enumerate(self.conv, start=1):
            shapes[f"conv{index}"] = (kernel, kernel, in_channels, maps)
            in_channels = maps
        for index, (inputs, outputs) in enumerate(zip(self.dense, self.dense[1:], strict=False), start=1):
            shapes[f"fc{index}"] = (inputs, outputs)
        return {layer: self._draw(layer, shape) for layer, shape in shapes.items()}

    def _draw(self, layer: str, shape: tuple[int, ...]) -> tuple[Array, Array]:
        weight, bias = bell(f"{self.key} {layer}", *shape), bell(f"{self.key} {layer} bias", shape[-1])
        if self.weights == "standard-normal":
            return weight, bias
        if self.weights == "truncated-normal":
            return np.clip(np.float32(0.1) * weight, -0.2, 0.2), np.zeros_like(bias)
        fan_in = math.prod(shape[:-1])
        return np.float32(GAIN / math.sqrt(fan_in)) * weight, np.float32(0.1) * bias


A3 = ((3, 64), (3, 128), (3, 256))
A5 = ((3, 64), (3, 128), (3, 256), (3, 256), (3, 128))
C2 = ((5, 32), (5, 64))
NETWORK_CASES = [
    NetworkCase(name, network, args, weights, conv, dense)
    for name, network, args, theirs, conv, dense in [
        ("a3-256", "alexnet_mnist3", {}, "standard-normal", A3, (4096, 1024, 256, 10)),
        ("a3-1024", "alexnet_mnist3", {"dense2": 1024}, "standard-normal", A3, (4096, 1024, 1024, 10)),
        ("a5", "alexnet_mnist5", {}, "truncated-normal", A5, (2048, 1024, 1024, 10)),
        ("a5-lrn", "alexnet_mnist5", {"lrn": True}, "truncated-normal", A5, (2048, 1024, 1024, 10)),
        ("c2", "convnet_mnist", {}, "standard-normal", C2, (3136, 1024, 10)),
    ]
    for weights in ("scaled", theirs)
]


def network_images() -> Array:
    """Return NUM_IMAGES images of 28x28, grey, in [0, 1)."""
    return uniform("images", NUM_IMAGES, 28, 28, 1)


LABELS = list(range(NUM_IMAGES))
