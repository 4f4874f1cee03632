"""What a run is made of: `RunConfig` and its sections, read from TOML, validated, and written back to TOML.

Every field carries the sentence that explains it. Unknown keys are refused, with the nearest known one.
"""

from cnnlab.config.optim import OptimConfig, ScheduleConfig
from cnnlab.config.pretrain import PretrainConfig
from cnnlab.config.run import RunConfig
from cnnlab.config.sections import (
    AugmentConfig,
    DataConfig,
    EvaluationConfig,
    ModelConfig,
    TrainConfig,
)
from cnnlab.config.text import parse_setting, parse_toml

__all__ = [
    "AugmentConfig",
    "DataConfig",
    "EvaluationConfig",
    "ModelConfig",
    "OptimConfig",
    "PretrainConfig",
    "RunConfig",
    "ScheduleConfig",
    "TrainConfig",
    "parse_setting",
    "parse_toml",
]
