"""Layers that PyTorch lacks in a faithful form, the geometry of layers, and starting weights."""

from cnnlab.nn.activation import Activation, make_activation
from cnnlab.nn.arguments import LrnPlace, NormMomentum, Probability, Towers, Width
from cnnlab.nn.branches import Branches
from cnnlab.nn.conv_norm_act import conv_norm_act
from cnnlab.nn.conv_pair import ConvNormAct, conv_pair
from cnnlab.nn.convolution import Conv2d
from cnnlab.nn.dropout import Dropout
from cnnlab.nn.fused import FusedSequential
from cnnlab.nn.geometry import conv_output_size, output_shape, pool_output_size
from cnnlab.nn.gpu import can_use_triton
from cnnlab.nn.initialization import Init, initialize, is_shapes_alone
from cnnlab.nn.kernels import (
    Kernels,
    Levels,
    chosen_images,
    load_kernels,
    mapped_images,
    seconds_to_compile,
)
from cnnlab.nn.lrn import LocalResponseNorm, local_response_norm, local_response_norm_reference
from cnnlab.nn.max_pool import run_pool
from cnnlab.nn.norm_act import norm_act
from cnnlab.nn.pooling import Pool, make_halving_pool
from cnnlab.nn.quick import quick_evaluation
from cnnlab.nn.shortcut import PadShortcut
from cnnlab.nn.whitening import whitening_filters

__all__ = [
    "Activation",
    "Branches",
    "Conv2d",
    "ConvNormAct",
    "Dropout",
    "FusedSequential",
    "Init",
    "Kernels",
    "Levels",
    "LocalResponseNorm",
    "LrnPlace",
    "NormMomentum",
    "PadShortcut",
    "Pool",
    "Probability",
    "Towers",
    "Width",
    "can_use_triton",
    "chosen_images",
    "conv_norm_act",
    "conv_output_size",
    "conv_pair",
    "initialize",
    "is_shapes_alone",
    "load_kernels",
    "local_response_norm",
    "local_response_norm_reference",
    "make_activation",
    "make_halving_pool",
    "mapped_images",
    "norm_act",
    "output_shape",
    "pool_output_size",
    "quick_evaluation",
    "run_pool",
    "seconds_to_compile",
    "whitening_filters",
]
