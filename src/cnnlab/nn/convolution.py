"""Convolution that takes, while it learns and in quick evaluation, the fastest way for its channels."""

import torch
from torch import Tensor, nn

from cnnlab.nn.kernels import MAX_CHANNELS as MOST_OF_STAGE
from cnnlab.nn.kernels import can_take, lanes_conv, windows_conv, winograd_conv
from cnnlab.nn.kernels.lanes import LANES as IMAGES_IN_A_GROUP
from cnnlab.nn.kernels.opening import TYPES as TYPES_OF_OPENING
from cnnlab.nn.kernels.winograd import LANES, MAX_CHANNELS
from cnnlab.nn.kernels.winograd_kernels import STEPS, num_tiles
from cnnlab.nn.quick import is_quick, may_round

MIN_CHANNELS = 16
FEW, MANY = 8, 32
"""So many channels come in and go out where Winograd's filtering pays for the way back alone."""
MAX_WASTE = 2.0  # what the tiles of a map cover, over the map
NARROW_IN, NARROW_OUT = 8, 16
"""Up to so many channels come in and go out where torch's convolution leaves lanes of its vectors empty."""
MOST_OF_WINDOWS = 64 * 128
"""Up to so many pairs of channels the kernels of 3x3 stay in the cache beside the windows."""
MOST_IN_WINDOW = 75
"""Up to so many numbers in a window a first convolution gains from the pooling of its maps in registers."""
MAX_PIXELS, MAX_KERNEL = 128**2, 11
"""Of larger maps or windows a group of interleaved images does not stay in the cache."""


class Conv2d(nn.Conv2d):
    """`nn.Conv2d`, computed in training on the CPU in float32 by kernels of our own where they are faster.

    Kernels of 3x3 and 5x5 over many channels go by Winograd's filtering, see `winograd_conv`, those of 3x3
    with stride 2 by `windows_conv`, and those of a grey image by `lanes_conv`. Outside training, in other
    shapes, types and devices, and without a compiler it is torch's convolution to the bit. In training, and
    in `quick_evaluation`, the results differ by rounding.
    """

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if may_round(self) and self.is_filtering() and can_run(input, weight, bias, self.groups):
            return winograd_conv(input, weight, bias, self.groups)
        if may_round(self) and self._is_halving() and self._can_step(input, weight, bias):
            return windows_conv(input, weight, bias, stride=2, pad=1)
        if self.in_channels == 1 and self.is_narrow(input):
            return self.narrow_forward(input, weight, bias)
        return super()._conv_forward(input, weight, bias)

    def is_narrow(self, maps: Tensor) -> bool:
        """Tell whether it learns from these maps with so few channels that `narrow_forward` can pay."""
        kernel, stride, pad = self.kernel_size[0], self.stride[0], self.padding[0]
        return (
            may_round(self)
            and self.in_channels <= NARROW_IN
            and self.out_channels <= NARROW_OUT
            and _is_learned_from(maps, self.weight, self.bias)
            and self.kernel_size == (kernel, kernel)
            and self.stride == (stride, stride)
            and (pad, pad) == self.padding
            and isinstance(pad, int)
            and pad < kernel <= min(MAX_KERNEL, min(maps.shape[2:]) + 2 * pad)
            and (stride == 1 or not maps.requires_grad)
            and (self.dilation, self.groups, self.padding_mode) == ((1, 1), 1, "zeros")
            and len(maps) >= IMAGES_IN_A_GROUP
            and maps.shape[2] * maps.shape[3] <= MAX_PIXELS
        )

    def narrow_forward(
        self,
        maps: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        *,
        is_pooled: bool = False,
        is_rectified: bool = False,
    ) -> Tensor:
        """Do what `lanes_conv` does, where `is_narrow`."""
        stride, pad = self.stride[0], self.padding[0]
        assert isinstance(pad, int)
        return lanes_conv(
            maps,
            weight,
            bias,
            stride=stride,
            pad=pad,
            is_pooled=is_pooled,
            is_rectified=is_rectified,
        )

    def _is_halving(self) -> bool:
        """Tell whether kernels of 3x3 leave half of each side of the maps."""
        return (
            (self.kernel_size, self.stride, self.dilation) == ((3, 3), (2, 2), (1, 1))
            and self.padding == (1, 1)
            and (self.padding_mode, self.groups) == ("zeros", 1)
        )

    def _can_step(self, maps: Tensor, weight: Tensor, bias: Tensor | None) -> bool:
        """Tell whether the kernel that copies windows can take these maps, and is worth while."""
        return (
            _is_learned_from(maps, weight, bias)
            and _are_many(weight)
            and weight.shape[0] * weight.shape[1] <= MOST_OF_WINDOWS
        )

    def is_opening(self, images: Tensor) -> bool:
        """Tell whether it learns from images of so few channels that `run_opening` can pay."""
        kernel, pad = self.kernel_size[0], self.padding[0]
        return (
            may_round(self)
            and self.in_channels * kernel**2 <= MOST_IN_WINDOW
            and self.out_channels % LANES == 0
            and self.out_channels <= MOST_OF_STAGE
            and not images.requires_grad
            and type_of_maps(images) in TYPES_OF_OPENING
            and _is_learned_from(images, self.weight, self.bias, in_autocast=True)
            and self.kernel_size == (kernel, kernel)
            and (self.stride, self.dilation, self.groups) == ((1, 1), (1, 1), 1)
            and (pad, pad) == self.padding
            and isinstance(pad, int)
            and pad < kernel <= min(images.shape[2:]) + 2 * pad
            and self.padding_mode == "zeros"
        )

    def is_filtering(self) -> bool:
        """Tell whether maps keep their size, and kernels have a size that Winograd's filtering takes."""
        taps = self.kernel_size[0]
        return (
            taps in STEPS
            and (self.kernel_size, self.stride, self.dilation) == ((taps, taps), (1, 1), (1, 1))
            and self.padding in ((taps // 2, taps // 2), "same")
            and self.padding_mode == "zeros"
        )


def is_our_own(conv: Conv2d) -> bool:
    """Tell whether it computes as this room's does: a class made by parametrizations of it still does."""
    of_class = type(conv)
    return of_class.forward is Conv2d.forward and of_class._conv_forward is Conv2d._conv_forward


def can_run(maps: Tensor, weight: Tensor, bias: Tensor | None = None, groups: int = 1) -> bool:
    """Tell whether Winograd's kernel can take these maps, and is worth while."""
    taps = weight.shape[3]
    return (
        _is_learned_from(maps, weight, bias, groups)
        and _are_many(weight, groups)
        and STEPS[taps] ** 2 * num_tiles(maps.shape[2], maps.shape[3], taps)
        <= MAX_WASTE * maps.shape[2] * maps.shape[3]
    )


def _are_many(weight: Tensor, groups: int = 1) -> bool:
    """Tell whether the channels are as many, and as even, as kernels over channels need them."""
    num_out, num_in = weight.shape[0] // groups, weight.shape[1]
    least_in = FEW if num_out >= MANY and torch.is_grad_enabled() else MIN_CHANNELS
    return all(
        least <= num <= MAX_CHANNELS and num % LANES == 0
        for num, least in ((num_out, MIN_CHANNELS), (num_in, least_in))
    )


def type_of_maps(images: Tensor) -> torch.dtype:
    """Return of which type a convolution's maps are where torch computes it."""
    return torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else images.dtype


def _is_learned_from(
    maps: Tensor, weight: Tensor, bias: Tensor | None, groups: int = 1, *, in_autocast: bool = False
) -> bool:
    """Tell whether kernels can take these, that fit each other, to learn from; torch says what does not."""
    return (
        (torch.is_grad_enabled() or is_quick())
        and (in_autocast or not torch.is_autocast_enabled("cpu"))
        and can_take(maps, weight, bias, types=(torch.float32,))
        and maps.shape[1] == groups * weight.shape[1]
        and (bias is None or bias.shape == weight.shape[:1])
    )
