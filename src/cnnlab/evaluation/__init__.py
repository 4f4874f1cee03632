"""Evaluation: loading a run, prediction, metrics as pure functions, statistics of comparisons."""

from cnnlab.evaluation.calibration import ReliabilityBin, at_temperature, fit_temperature, reliability
from cnnlab.evaluation.comparison import (
    Comparison,
    NetworkResult,
    compare_runs,
    evaluated_scores,
    hardware_of,
)
from cnnlab.evaluation.ensemble import Ensemble, Together
from cnnlab.evaluation.loading import Run, load_run
from cnnlab.evaluation.paired import PairedTest
from cnnlab.evaluation.prediction import check_run_views, predict_probs
from cnnlab.evaluation.scoring import Evaluation, check_first, score
from cnnlab.evaluation.statistics import (
    Interval,
    effect_size,
    holm,
    mcnemar,
    mean_interval,
    next_interval,
    paired_t,
    t_factor,
    wilson_interval,
)
from cnnlab.evaluation.stored import StoredPredictions, load_predictions, save_predictions
from cnnlab.evaluation.views import ONE_VIEW, check_slack, check_view_names, views_in_words

__all__ = [
    "ONE_VIEW",
    "Comparison",
    "Ensemble",
    "Evaluation",
    "Interval",
    "NetworkResult",
    "PairedTest",
    "ReliabilityBin",
    "Run",
    "StoredPredictions",
    "Together",
    "at_temperature",
    "check_first",
    "check_run_views",
    "check_slack",
    "check_view_names",
    "compare_runs",
    "effect_size",
    "evaluated_scores",
    "fit_temperature",
    "hardware_of",
    "holm",
    "load_predictions",
    "load_run",
    "mcnemar",
    "mean_interval",
    "next_interval",
    "paired_t",
    "predict_probs",
    "reliability",
    "save_predictions",
    "score",
    "t_factor",
    "views_in_words",
    "wilson_interval",
]
