"""Evaluation: loading a run, prediction, metrics as pure functions, statistics of comparisons."""

from cnnlab.evaluation.comparison import Comparison, NetworkResult, PairedTest, compare_runs
from cnnlab.evaluation.loading import Run, load_run
from cnnlab.evaluation.prediction import predict_probs
from cnnlab.evaluation.scoring import Evaluation, score
from cnnlab.evaluation.statistics import (
    Interval,
    mcnemar,
    mean_interval,
    paired_t,
    wilson_interval,
)
from cnnlab.evaluation.stored import StoredPredictions, load_predictions, save_predictions

__all__ = [
    "Comparison",
    "Evaluation",
    "Interval",
    "NetworkResult",
    "PairedTest",
    "Run",
    "StoredPredictions",
    "compare_runs",
    "load_predictions",
    "load_run",
    "mcnemar",
    "mean_interval",
    "paired_t",
    "predict_probs",
    "save_predictions",
    "score",
    "wilson_interval",
]
