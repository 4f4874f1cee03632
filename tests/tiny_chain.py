"""A chain of two convolutions that can be pre-trained, and runs of it that take half a second."""

from collections import OrderedDict
from pathlib import Path
from typing import Any

from torch import nn

from cnnlab.config import RunConfig
from cnnlab.data import Dataset
from cnnlab.models import registry
from cnnlab.models.classifier import ImageClassifier
from cnnlab.nn import LocalResponseNorm, Probability
from cnnlab.runs import RunFolder
from cnnlab.training import FitResult, Progress, fit
from tiny_training import SIZE, prepare, tiny_images


def tiny_chain(*, in_channels: int = 1, num_classes: int = 10, dropout: Probability = 0.3) -> ImageClassifier:
    """Two convolutions with normalisation and dropout in between, one dense layer."""
    features = nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(in_channels, 6, 3, padding=1),
            act1=nn.ReLU(),
            pool1=nn.MaxPool2d(2),
            norm1=LocalResponseNorm(5, alpha=0.1),
            dropout1=nn.Dropout(dropout),
            conv2=nn.Conv2d(6, 8, 3, padding=1, groups=2),
            act2=nn.Tanh(),
        )
    )
    head = nn.Sequential(OrderedDict(flatten=nn.Flatten(), fc1=nn.Linear(8 * (SIZE // 2) ** 2, num_classes)))
    return ImageClassifier(features, head)


def register_tiny_chain() -> None:
    """Make the network known, in this process."""
    if "tiny_chain" not in registry.list_models():
        register = registry.register_model(
            year=2026, paper="", image_size=SIZE, source="tests", in_channels=1
        )
        register(tiny_chain)


def chain_config(**changes: Any) -> RunConfig:
    """Settings of a run that pre-trains for a few steps; dotted changes with `__`."""
    base = {
        "threads": 1,
        "precision": "float32",
        "device": "cpu",
        "model": {"name": "tiny_chain"},
        "data": {"name": "tiny", "augment": {"noise": 0.1}},
        "pretrain": {"method": "autoencoder", "epochs": 2, "batch_size": 16},
        "optim": {"name": "adamw", "lr": 0.02},
        "train": {"steps": 12, "batch_size": 16, "ema_decay": 0.8, "log_every": 5, "val_every": 6},
    }
    config = RunConfig.from_dict(base, source="tests")
    return config.with_changes({name.replace("__", "."): value for name, value in changes.items()})


def run_chain(
    path: Path,
    config: RunConfig | None = None,
    *,
    train: Dataset | None = None,
    unlabelled: Dataset | None = None,
    progress: Progress | None = None,
) -> FitResult:
    """Train in the run folder `path`, made if it is not there; go on with what is there."""
    register_tiny_chain()
    folder = prepare(path, config or chain_config())
    return fit(
        config or RunFolder(path).config,
        train or tiny_images("train"),
        tiny_images("val", 40),
        folder,
        unlabelled=unlabelled,
        progress=progress,
    )
