"""Tracking: a run shown elsewhere, in TensorBoard or on an MLflow server, from what its folder holds."""

from cnnlab.tracking.event_files import EventFiles
from cnnlab.tracking.follower import Follower
from cnnlab.tracking.mlflow_run import MlflowRun
from cnnlab.tracking.mlflow_server import MlflowServer
from cnnlab.tracking.tracker import Ending, EndState, Tracker

__all__ = [
    "EndState",
    "Ending",
    "EventFiles",
    "Follower",
    "MlflowRun",
    "MlflowServer",
    "Tracker",
]
