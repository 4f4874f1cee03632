"""Training: the loop and its parts."""

from cnnlab.training.execution import Execution, choose_execution
from cnnlab.training.fit import FitResult, fit
from cnnlab.training.origin import why_other_bits
from cnnlab.training.progress import BarProgress, LineProgress, Progress, SilentProgress, format_seconds
from cnnlab.training.steps import check_augmentation, check_balance, network_size

__all__ = [
    "BarProgress",
    "Execution",
    "FitResult",
    "LineProgress",
    "Progress",
    "SilentProgress",
    "check_augmentation",
    "check_balance",
    "choose_execution",
    "fit",
    "format_seconds",
    "network_size",
    "why_other_bits",
]
