"""The verbs: what the command line and Python call, joined from the other rooms."""

from cnnlab.lab.compare import compare
from cnnlab.lab.evaluate import evaluate
from cnnlab.lab.predict import predict
from cnnlab.lab.resolve import resolve
from cnnlab.lab.train import resume, train

__all__ = ["compare", "evaluate", "predict", "resolve", "resume", "train"]
