"""What torch does in more passes over memory, or more multiplications: C, compiled on the user's machine."""

from cnnlab.nn.kernels.guard import can_take
from cnnlab.nn.kernels.images import Levels, chosen_images, mapped_images
from cnnlab.nn.kernels.lanes import lanes_conv
from cnnlab.nn.kernels.library import Kernels, load_kernels, seconds_to_compile
from cnnlab.nn.kernels.norm import norm_relu, norm_relu_as_known
from cnnlab.nn.kernels.opening import run_opening
from cnnlab.nn.kernels.pool import Windows, max_pool
from cnnlab.nn.kernels.stage import MAX_CHANNELS, MAX_REACH, Stage, run_stage
from cnnlab.nn.kernels.windows import windows_conv
from cnnlab.nn.kernels.winograd import winograd_conv
from cnnlab.nn.kernels.winograd_norm import conv_norm_relu
from cnnlab.nn.kernels.winograd_pair import pair_norm_relu

__all__ = [
    "MAX_CHANNELS",
    "MAX_REACH",
    "Kernels",
    "Levels",
    "Stage",
    "Windows",
    "can_take",
    "chosen_images",
    "conv_norm_relu",
    "lanes_conv",
    "load_kernels",
    "mapped_images",
    "max_pool",
    "norm_relu",
    "norm_relu_as_known",
    "pair_norm_relu",
    "run_opening",
    "run_stage",
    "seconds_to_compile",
    "windows_conv",
    "winograd_conv",
]
