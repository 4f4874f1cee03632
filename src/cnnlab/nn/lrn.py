"""Local response normalisation across channels, in one convention.

With a the input, c the channel and every other index unchanged:

    b[c] = a[c] / (k + alpha * sum over the window of a[j]^2)^beta

`size` is the number of channels in the window and alpha is NOT divided by it, as the formula stands in the
AlexNet paper (section 3.3). Others write the same thing differently; what to pass here

(beta is 0.75 in all of them):

| they write | here |
|---|---|
| TensorFlow `tf.nn.lrn(x, 4, bias=1, alpha=0.001/9)`: 4 is a radius | `size=9, alpha=0.001/9, k=1` |
| PyTorch `LocalResponseNorm(9, alpha=0.001, k=1)`: divides alpha by size | `size=9, alpha=0.001/9, k=1` |
| the 2012 paper: n=5, alpha=1e-4, k=2 | `size=5, alpha=1e-4, k=2` |
| that in PyTorch's or Caffe's terms: size 5, alpha 5e-4, k 2 | `size=5, alpha=1e-4, k=2` |
| the released Caffe model: local_size=5, alpha=1e-4, k=1; Caffe divides | `size=5, alpha=2e-5, k=1` |
| cuda-convnet's 11pct: size=9, scale=0.001; divides | `size=9, alpha=0.001/9, k=1` |
"""

import torch
from torch import Tensor, nn
from torch.nn import functional


class LocalResponseNorm(nn.Module):
    """Divide each activation by a power of the energy of its neighbouring channels.

    Shapes: N x C x H x W in and out. Float16 and bfloat16 are computed in float32, under autocast too, and
    come out in the type they came in.

    Args:
        size: channels in the window, its centre included. A window of even size reaches one channel further
            down than up, as PyTorch's does. Channels outside the input count as 0.
        alpha: factor of the sum of squares, not divided by `size`.
        beta: the power.
        k: what the denominator starts from.

    Source: Krizhevsky et al., "ImageNet Classification with Deep Convolutional Neural Networks", 2012,
    section 3.3.
    """

    def __init__(self, size: int, *, alpha: float, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__()
        assert size >= 1 and k > 0 and alpha >= 0, (size, alpha, k)
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, images: Tensor) -> Tensor:
        """Normalise; N x C x H x W in and out."""
        return local_response_norm(images, self.size, alpha=self.alpha, beta=self.beta, k=self.k)

    def extra_repr(self) -> str:
        """Return the constants, for `print(network)`."""
        return f"{self.size}, alpha={self.alpha:.3g}, beta={self.beta}, k={self.k}"


def local_response_norm(maps: Tensor, size: int, *, alpha: float, beta: float, k: float) -> Tensor:
    """Normalise across channels; arguments, shapes and types as for `LocalResponseNorm`."""
    with torch.autocast(maps.device.type, enabled=False):
        wide = maps.float() if maps.dtype in (torch.float16, torch.bfloat16) else maps
        denominator = k + alpha * _window_sum(wide.square(), size)
        return (wide * _negative_power(denominator, beta)).to(maps.dtype)


def local_response_norm_reference(maps: Tensor, size: int, *, alpha: float, beta: float, k: float) -> Tensor:
    """Normalise channel by channel, written as the paper writes it; slow, for tests to compare with."""
    channels = maps.shape[1]
    below, above = size // 2, (size - 1) // 2
    normalised = []
    for c in range(channels):
        window = maps[:, max(0, c - below) : min(channels, c + above + 1)]
        normalised.append(maps[:, c] / (k + alpha * (window**2).sum(dim=1)) ** beta)
    return torch.stack(normalised, dim=1)


def _window_sum(squares: Tensor, size: int) -> Tensor:
    """Return the sum over `size` neighbouring channels around each channel."""
    padded = functional.pad(squares, (0, 0, 0, 0, size // 2, (size - 1) // 2))
    channels = squares.shape[1]
    total = padded[:, :channels]
    for shift in range(1, size):
        total = total + padded[:, shift : shift + channels]
    return total


def _negative_power(positive: Tensor, beta: float) -> Tensor:
    """Return positive**-beta; for the usual 0.75 from two square roots, many times quicker than a power."""
    if beta != 0.75:
        return positive**-beta
    root = positive.rsqrt()
    return root * root.sqrt()
