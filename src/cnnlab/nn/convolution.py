"""Convolution that takes, while it learns, the way with the fewest multiplications."""

import torch
from torch import Tensor, nn

from cnnlab.nn.kernels import load_kernels, winograd_conv
from cnnlab.nn.kernels.winograd import LANES, MAX_CHANNELS, STEP, num_tiles

MIN_CHANNELS = 32
MAX_WASTE = 2.0  # what the tiles of a map cover, over the map


class Conv2d(nn.Conv2d):
    """`nn.Conv2d`, with 3x3 kernels computed by Winograd's filtering in training on the CPU in float32.

    Outside training, in other shapes, types and devices, and without a compiler it is torch's convolution to
    the bit. In training the results differ by rounding, see `winograd_conv`.
    """

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if self.training and self._is_3x3() and can_run(input, weight):
            return winograd_conv(input, weight, bias)
        return super()._conv_forward(input, weight, bias)

    def _is_3x3(self) -> bool:
        return (
            (self.kernel_size, self.stride, self.dilation) == ((3, 3), (1, 1), (1, 1))
            and self.padding in ((1, 1), "same")
            and self.padding_mode == "zeros"
            and self.groups == 1
        )


def can_run(maps: Tensor, weight: Tensor) -> bool:
    """Tell whether the kernel can take these maps, and is worth while."""
    return (
        torch.is_grad_enabled()
        and maps.dim() == 4
        and maps.device.type == "cpu"
        and maps.dtype == weight.dtype == torch.float32
        and not torch.is_autocast_enabled("cpu")
        and maps.numel() > 0
        and all(MIN_CHANNELS <= num <= MAX_CHANNELS and num % LANES == 0 for num in weight.shape[:2])
        and STEP**2 * num_tiles(*maps.shape[2:]) <= MAX_WASTE * maps.shape[2] * maps.shape[3]
        and maps.is_contiguous(memory_format=torch.channels_last)
        and not torch.jit.is_tracing()  # pyright: ignore[reportPrivateImportUsage]
        and not torch.compiler.is_compiling()
        and load_kernels().library is not None
    )
