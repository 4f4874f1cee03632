"""The verbs: what the command line and Python call, joined from the other rooms."""

from cnnlab.lab.compare import compare
from cnnlab.lab.evaluate import evaluate
from cnnlab.lab.finish import finished_run
from cnnlab.lab.lr_find import lr_find
from cnnlab.lab.predict import predict
from cnnlab.lab.resolve import resolve
from cnnlab.lab.splits import load_splits
from cnnlab.lab.train import check_evaluation, check_network, resume, train

__all__ = [
    "check_evaluation",
    "check_network",
    "compare",
    "evaluate",
    "finished_run",
    "load_splits",
    "lr_find",
    "predict",
    "resolve",
    "resume",
    "train",
]
