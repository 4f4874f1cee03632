"""Convolutions of 3x3 by Winograd's minimal filtering, with the gradient.

The multiplications of a tile of 4x4 outputs fall from 144 to 36 for each pair of channels; what is left is 36
matrix products over channels. Maps whose sides are no multiples of 4 waste a part of their last tiles: at
14x14 and 7x7 pixels multiplications are 3.1 times fewer instead of 4.

Source: Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", arXiv:1509.09308, section 4.
"""

from torch import Tensor

from cnnlab.nn.kernels.winograd_blocks import conv_in_blocks
from cnnlab.nn.kernels.winograd_planes import conv_in_planes

LANES = 8  # of vectors.h: channels come in multiples of it
MAX_CHANNELS = 2048  # C_MAX of the C files
MOST_OF_BLOCKS = 128 * 128
"""Up to so many pairs of channels a thread keeps what belongs to a few tiles to itself."""


def winograd_conv(maps: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Return the convolution of maps by kernels of 3x3 with stride 1 and padding 1.

    Args:
        maps: N x C x H x W, float32 on the CPU, channels-last; C is a multiple of `LANES`.
        weight: K x C x 3 x 3, float32; K is a multiple of `LANES`.
        bias: K numbers, or None.

    Returns:
        N x K x H x W, channels-last. Its rounding errors are some 5e-6 of its largest value, five to ten
        times those of the direct sum in float32.
    """
    assert maps.shape[1] == weight.shape[1], (maps.shape, weight.shape)
    bias = None if bias is None else bias.contiguous()
    pairs = weight.shape[0] * weight.shape[1]
    return (conv_in_blocks if pairs <= MOST_OF_BLOCKS else conv_in_planes)(maps, weight, bias)
