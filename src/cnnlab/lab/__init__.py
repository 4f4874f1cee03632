"""The verbs: what the command line and Python call, joined from the other rooms."""

from cnnlab.lab.bench import bench_inference, bench_training
from cnnlab.lab.bench_data import bench_data
from cnnlab.lab.compare import compare
from cnnlab.lab.evaluate import evaluate
from cnnlab.lab.explain import explain
from cnnlab.lab.export import export
from cnnlab.lab.lr_find import lr_find
from cnnlab.lab.predict import predict
from cnnlab.lab.report import report
from cnnlab.lab.resolve import resolve
from cnnlab.lab.side_by_side import Task, check_jobs, finish_all, say_to_stderr, share_of_threads
from cnnlab.lab.splits import load_splits
from cnnlab.lab.time_to import time_to
from cnnlab.lab.track import track
from cnnlab.lab.train import check_evaluation, check_network, resume, train

__all__ = [
    "Task",
    "bench_data",
    "bench_inference",
    "bench_training",
    "check_evaluation",
    "check_jobs",
    "check_network",
    "compare",
    "evaluate",
    "explain",
    "export",
    "finish_all",
    "load_splits",
    "lr_find",
    "predict",
    "report",
    "resolve",
    "resume",
    "say_to_stderr",
    "share_of_threads",
    "time_to",
    "track",
    "train",
]
