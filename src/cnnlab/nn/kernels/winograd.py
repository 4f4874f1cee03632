"""Convolutions of 3x3 and of 5x5 by Winograd's minimal filtering, with the gradient.

For each pair of channels the multiplications of a tile of 4x4 outputs of kernels of 3x3 fall from 144 to 36,
and those of a tile of 2x2 outputs of kernels of 5x5 from 100 to 36; what is left is 36 matrix products over
channels. Kernels of 3x3 also have tiles of 3 outputs, with which most maps are covered exactly: at 14x14 and
7x7 pixels multiplications are 3.6 times fewer. Elsewhere a part of the last tiles is wasted.

Source: Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", arXiv:1509.09308, section 4.
"""

from torch import Tensor

from cnnlab.nn.kernels.winograd_blocks import conv_in_blocks
from cnnlab.nn.kernels.winograd_fitted import conv_in_fitted, fits
from cnnlab.nn.kernels.winograd_planes import conv_in_planes

LANES = 8  # of vectors.h: channels come in multiples of it
MAX_CHANNELS = 2048  # C_MAX of the C files
MOST_OF_BLOCKS = 128 * 128
"""Up to so many pairs of channels a thread keeps what belongs to a few tiles to itself."""


def winograd_conv(maps: Tensor, weight: Tensor, bias: Tensor | None, groups: int = 1) -> Tensor:
    """Return the convolution of maps by kernels of 3x3 or 5x5 with stride 1, as large as they are.

    Args:
        maps: N x C x H x W, float32 on the CPU, channels-last; C / groups is a multiple of `LANES`.
        weight: K x C/groups x 3 x 3, or 5 x 5, float32; K / groups is a multiple of `LANES`.
        bias: K numbers, or None.
        groups: into how many the channels are divided, each convolved for itself.

    Returns:
        N x K x H x W, channels-last. Its rounding errors are some 5e-6 of its largest value, five to ten
        times those of the direct sum in float32.
    """
    assert maps.shape[1] == groups * weight.shape[1], (maps.shape, weight.shape, groups)
    bias = None if bias is None else bias.contiguous()
    if fits(maps.shape[2], maps.shape[3], weight.shape[3]):
        return conv_in_fitted(maps, weight, bias, groups)
    pairs = weight.shape[0] // groups * weight.shape[1]
    return (conv_in_blocks if pairs <= MOST_OF_BLOCKS else conv_in_planes)(maps, weight, bias, groups)
