"""Passes over memory that torch makes one by one, made at once: C, compiled on the user's machine."""

from cnnlab.nn.kernels.library import Kernels, load_kernels
from cnnlab.nn.kernels.stage import MAX_CHANNELS, MAX_REACH, Stage, run_stage

__all__ = ["MAX_CHANNELS", "MAX_REACH", "Kernels", "Stage", "load_kernels", "run_stage"]
