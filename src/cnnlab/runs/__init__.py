"""The run folder: layout, atomic files, checkpoints, weights, listing."""

from cnnlab.runs.checkpoint import Checkpoint, load_latest, save_checkpoint
from cnnlab.runs.contents import Content, Count, Seconds, Share, what_is_wrong
from cnnlab.runs.execution import precision_text, with_later_fields
from cnnlab.runs.folder import TIMING_FIELDS, RunFolder
from cnnlab.runs.listing import RunSummary, find_runs, find_runs_of_any_length, list_runs, result_key
from cnnlab.runs.pretrained import (
    PretrainedLayer,
    Pretraining,
    PretrainingRecord,
    find_pretraining,
    load_pretraining,
    read_record,
    save_pretraining,
)
from cnnlab.runs.weights import load_weights, save_weights

__all__ = [
    "TIMING_FIELDS",
    "Checkpoint",
    "Content",
    "Count",
    "PretrainedLayer",
    "Pretraining",
    "PretrainingRecord",
    "RunFolder",
    "RunSummary",
    "Seconds",
    "Share",
    "find_pretraining",
    "find_runs",
    "find_runs_of_any_length",
    "list_runs",
    "load_latest",
    "load_pretraining",
    "load_weights",
    "precision_text",
    "read_record",
    "result_key",
    "save_checkpoint",
    "save_pretraining",
    "save_weights",
    "what_is_wrong",
    "with_later_fields",
]
