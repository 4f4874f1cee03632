"""Training: the loop and its parts."""

from cnnlab.training.batches import TrainingBatches, check_augmentation, check_balance, network_size
from cnnlab.training.description import AT_ONCE_VARIABLE
from cnnlab.training.estimate import TrainingLap, probe_seconds_per_step
from cnnlab.training.execution import Execution, Precision, choose_execution
from cnnlab.training.fit import FitResult, fit
from cnnlab.training.longer import begin_longer, why_not_longer
from cnnlab.training.lr_sweep import LrSweep, check_range, sweep_lr
from cnnlab.training.origin import (
    why_other_bits,
    why_other_images,
    why_other_settings,
)
from cnnlab.training.plan import Plan, make_plan
from cnnlab.training.pretraining import check_pretraining
from cnnlab.training.progress import BarProgress, LineProgress, Progress, SilentProgress, format_seconds
from cnnlab.training.stop import STARTED_BY_VARIABLE, stopped_after_training

__all__ = [
    "AT_ONCE_VARIABLE",
    "STARTED_BY_VARIABLE",
    "BarProgress",
    "Execution",
    "FitResult",
    "LineProgress",
    "LrSweep",
    "Plan",
    "Precision",
    "Progress",
    "SilentProgress",
    "TrainingBatches",
    "TrainingLap",
    "begin_longer",
    "check_augmentation",
    "check_balance",
    "check_pretraining",
    "check_range",
    "choose_execution",
    "fit",
    "format_seconds",
    "make_plan",
    "network_size",
    "probe_seconds_per_step",
    "stopped_after_training",
    "sweep_lr",
    "why_not_longer",
    "why_other_bits",
    "why_other_images",
    "why_other_settings",
]
