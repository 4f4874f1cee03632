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
from cnnlab.evaluation.stored import StoredPredictions, load_predictions, save_predictions

__all__ = [
    "Evaluation",
    "Interval",
    "Run",
    "StoredPredictions",
    "load_predictions",
    "load_run",
    "mcnemar",
    "mean_interval",
    "paired_t",
    "predict_probs",
    "save_predictions",
    "score",
    "verdict",
    "wilson_interval",
]
