"""Evaluation: loading a run, prediction, metrics as pure functions, statistics of comparisons."""

from cnnlab.evaluation.loading import Run, load_run
from cnnlab.evaluation.prediction import predict_probs
from cnnlab.evaluation.scoring import Evaluation, score
from cnnlab.evaluation.statistics import (
    Interval,
    mcnemar,
    mean_interval,
    paired_t,
    verdict,
    wilson_interval,
)

__all__ = [
    "Evaluation",
    "Interval",
    "Run",
    "load_run",
    "mcnemar",
    "mean_interval",
    "paired_t",
    "predict_probs",
    "score",
    "verdict",
    "wilson_interval",
]
