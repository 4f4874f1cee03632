"""Local response normalisation across channels, in one convention.

With a the input, c the channel and every other index unchanged:

    b[c] = a[c] / (k + alpha * sum over the window of a[j]^2)^beta

`size` is the number of channels in the window and alpha is NOT divided by it, as the formula stands in the
AlexNet paper (section 3.3). Others write the same thing differently; what to pass here (beta is
0.75 in all of them):

| they write | here |
|---|---|
| TensorFlow `tf.nn.lrn(x, 4, bias=1, alpha=0.001/9)`: 4 is a radius | `size=9, alpha=0.001/9, k=1` |
| PyTorch `LocalResponseNorm(9, alpha=0.001, k=1)`: divides alpha by size | `size=9, alpha=0.001/9, k=1` |
| the 2012 paper: n=5, alpha=1e-4, k=2 | `size=5, alpha=1e-4, k=2` |
| that in PyTorch's or Caffe's terms: size 5, alpha 5e-4, k 2 | `size=5, alpha=1e-4, k=2` |
| the released Caffe model: local_size=5, alpha=1e-4, k=1; Caffe divides | `size=5, alpha=2e-5, k=1` |
| cuda-convnet's 11pct: size=9, scale=0.001; divides | `size=9, alpha=0.001/9, k=1` |
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import Function
from torch.nn import functional

from cnnlab.nn.gpu import can_use_triton
from cnnlab.nn.kernels.guard import is_transformed, once_differentiable

MOST_GPU_CHANNELS = 8192  # a line of them is one program's


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
    if _goes_by_triton(maps):
        from cnnlab.nn.lrn_gpu import lrn_on_gpu

        return lrn_on_gpu(maps, size, alpha=alpha, beta=beta, k=k)
    wide = maps.float() if maps.dtype in (torch.float16, torch.bfloat16) else maps
    if torch.is_grad_enabled() and wide.requires_grad and not is_transformed():
        normalised = _ClosedFormNorm.apply(wide, size, alpha, beta, k)
    else:
        normalised = wide * _power(_denominator(wide, size, alpha, k), beta)
    return normalised.to(maps.dtype)


def local_response_norm_reference(maps: Tensor, size: int, *, alpha: float, beta: float, k: float) -> Tensor:
    """Normalise channel by channel, written as the paper writes it; slow, for tests to compare with."""
    channels = maps.shape[1]
    below, above = size // 2, (size - 1) // 2
    normalised = []
    for c in range(channels):
        window = maps[:, max(0, c - below) : min(channels, c + above + 1)]
        normalised.append(maps[:, c] / (k + alpha * (window**2).sum(dim=1)) ** beta)
    return torch.stack(normalised, dim=1)


def _goes_by_triton(maps: Tensor) -> bool:
    """Tell whether the GPU's own way can take these maps."""
    return (
        maps.is_cuda
        and maps.dim() == 4
        and maps.dtype in (torch.float32, torch.float16, torch.bfloat16)
        and 0 < maps.shape[1] <= MOST_GPU_CHANNELS
        and maps.numel() > 0
        and maps.is_contiguous(memory_format=torch.channels_last)
        and not torch.jit.is_tracing()  # pyright: ignore[reportPrivateImportUsage]
        and not torch.compiler.is_compiling()
        and can_use_triton()
    )


class _ClosedFormNorm(Function):
    """The normalisation with its gradient written out, in a third of the passes that autograd makes.

    With d the denominator before its power and g the gradient of the output, and W' the window seen from the
    other side (a channel's neighbours whose windows hold it):

        grad[c] = g[c] d[c]^-beta - 2 alpha beta a[c] * sum over W' of g[j] a[j] d[j]^(-beta - 1)
    """

    @staticmethod
    def forward(ctx: Any, maps: Tensor, size: int, alpha: float, beta: float, k: float) -> Tensor:
        denominator = _denominator(maps, size, alpha, k)
        power = _power(denominator, beta)
        ctx.save_for_backward(maps, denominator, power)
        ctx.size, ctx.factor = size, -2 * alpha * beta
        return maps * power

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *grads: Tensor
    ) -> tuple[Tensor | None, ...]:
        maps, denominator, power = ctx.saved_tensors
        direct = grads[0] * power
        around = _window_sum(direct * maps / denominator, below=(ctx.size - 1) // 2, above=ctx.size // 2)
        return direct.addcmul_(maps, around, value=ctx.factor), None, None, None, None


def _denominator(maps: Tensor, size: int, alpha: float, k: float) -> Tensor:
    """Return k + alpha * the window's sum of squares."""
    return _window_sum(maps.square(), below=size // 2, above=(size - 1) // 2).mul_(alpha).add_(k)


def _window_sum(maps: Tensor, *, below: int, above: int) -> Tensor:
    """Return, for each channel, the sum over itself, `below` channels before it and `above` after it.

    Sums over 1, 2, 4, ... neighbours are made from each other, and those that the window's size is made of
    in binary are added: 4 additions for a window of 9, and no differences, which would lose digits.
    """
    channels, size = maps.shape[1], below + above + 1
    block = functional.pad(maps, (0, 0, 0, 0, below, above))
    block_length, start = 1, 0
    total: Tensor | None = None
    while True:
        if size & block_length:
            piece = block[:, start : start + channels]
            total = piece if total is None else total + piece
            start += block_length
        if 2 * block_length > size:
            assert total is not None
            return total
        block = block[:, :-block_length] + block[:, block_length:]
        block_length *= 2


def _power(positive: Tensor, beta: float) -> Tensor:
    """Return positive**-beta; for the usual 0.75 from square roots, many times quicker than a power."""
    if beta != 0.75:
        return positive**-beta
    root = positive.rsqrt()
    return root * root.sqrt()
