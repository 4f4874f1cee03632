"""A network, images and a config so small that a whole run takes half a second, and what to compare of runs.

The network has all that makes an exact resume hard: dropout, batch norm, convolutions whose memory layout
matters, one of them 1x1.
"""

import json
import tempfile
from collections import OrderedDict
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from cnnlab.config import RunConfig
from cnnlab.data import Dataset, make_dataset
from cnnlab.models import registry
from cnnlab.models.classifier import AuxiliaryClassifier, ImageClassifier
from cnnlab.nn import Probability
from cnnlab.runs import TIMING_FIELDS, Checkpoint, RunFolder
from cnnlab.runs.checkpoint import list_checkpoints, read_checkpoint
from cnnlab.training import FitResult, Progress, fit

NUM_CLASSES, SIZE = 4, 8


def tiny_net(
    *, in_channels: int = 1, num_classes: int = 10, dropout: Probability = 0.3, width: int = 6
) -> ImageClassifier:
    """Two convolutions with batch norm, dropout, two dense layers."""
    features = nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(in_channels, width, 3, padding=1, bias=False),
            norm1=nn.BatchNorm2d(width),
            act1=nn.ReLU(),
            conv2=nn.Conv2d(width, 8, 1),
            norm2=nn.BatchNorm2d(8),
            act2=nn.ReLU(),
            pool2=nn.AdaptiveAvgPool2d(2),
        )
    )
    head = nn.Sequential(
        OrderedDict(
            flatten=nn.Flatten(),
            fc1=nn.Linear(32, 16),
            act3=nn.ReLU(),
            dropout3=nn.Dropout(dropout),
            fc2=nn.Linear(16, num_classes),
        )
    )
    return ImageClassifier(features, head)


def tiny_aux_net(
    *, in_channels: int = 1, num_classes: int = 10, dropout: Probability = 0.3
) -> AuxiliaryClassifier:
    """The same with two auxiliary heads, one of them with batch norm and dropout of its own."""
    network = tiny_net(in_channels=in_channels, num_classes=num_classes, dropout=dropout)
    small = OrderedDict(pool=nn.AdaptiveAvgPool2d(1), flatten=nn.Flatten(), fc=nn.Linear(6, num_classes))
    large = OrderedDict(
        conv=nn.Conv2d(8, 4, 1, bias=False),
        norm=nn.BatchNorm2d(4),
        act=nn.ReLU(),
        flatten=nn.Flatten(),
        dropout=nn.Dropout(dropout),
        fc=nn.Linear(4 * SIZE * SIZE, num_classes),
    )
    auxiliary = {"act1": nn.Sequential(small), "act2": nn.Sequential(large)}
    return AuxiliaryClassifier(network.features, network.head, auxiliary=auxiliary, aux_weight=0.3)


def register_tiny_net() -> None:
    """Make the networks known, in this process."""
    for builder in (tiny_net, tiny_aux_net):
        if builder.__name__ not in registry.list_models():
            registry.register_model(year=2026, paper="", image_size=SIZE, source="tests", in_channels=1)(
                builder
            )


def tiny_images(split: str, num_images: int = 72, *, noise: float = 40.0, channels: int = 1) -> Dataset:
    """Noisy images of one pattern per class; other splits are other images of the same patterns."""
    generator = torch.Generator().manual_seed(0)
    patterns = torch.rand(NUM_CLASSES, channels, SIZE, SIZE, generator=generator) * 255
    generator = torch.Generator().manual_seed({"train": 1, "val": 2}[split])
    labels = torch.arange(num_images) % NUM_CLASSES
    images = patterns[labels] + noise * torch.randn(num_images, channels, SIZE, SIZE, generator=generator)
    names = tuple("abcd")
    return make_dataset("tiny", split, images.clamp(0, 255).to(torch.uint8), labels, names)


def tiny_config(**changes: Any) -> RunConfig:
    """Settings with everything switched on that makes an exact resume hard; dotted changes with `__`."""
    base = {
        "recipe": "tiny",
        "threads": 1,
        "precision": "float32",
        "device": "cpu",
        "model": {"name": "tiny_net"},
        "data": {"name": "tiny", "augment": {"pad_crop": 1, "mirror": True, "noise": 0.1, "erasing": 0.5}},
        "optim": {"name": "adamw", "lr": 0.02, "weight_decay": 0.01, "clip_norm": 1.0},
        "schedule": {"warmup": 0.1},
        "train": {
            "steps": 24,
            "batch_size": 16,
            "label_smoothing": 0.1,
            "ema_decay": 0.8,
            "keep": "best",
            "log_every": 5,
            "val_every": 6,
        },
    }
    config = RunConfig.from_dict(base, source="tests")
    return config.with_changes({name.replace("__", "."): value for name, value in changes.items()})


def plain_config(**changes: Any) -> RunConfig:
    """Settings with nothing switched on."""
    off = {
        "data.augment": {},
        "model.args.dropout": 0.0,
        "optim.clip_norm": None,
        "optim.weight_decay": 0.0,
        "schedule.warmup": 0.0,
        "train.label_smoothing": 0.0,
        "train.ema_decay": None,
        "train.keep": "last",
    }
    return tiny_config().with_changes({**off, **{k.replace("__", "."): v for k, v in changes.items()}})


def prepare(path: Path, config: RunConfig) -> RunFolder:
    """Make the run folder `path` if it is not there."""
    if not (path / "config.toml").exists():
        path.mkdir(parents=True)
        (path / "config.toml").write_text(config.to_toml())
    return RunFolder(path)


def run_tiny(
    path: Path,
    config: RunConfig | None = None,
    *,
    progress: Progress | None = None,
    inexact: bool = False,
    train: Dataset | None = None,
    val: Dataset | None = None,
) -> FitResult:
    """Train in the run folder `path`, made if it is not there; go on with what is there.

    Images are grey unless the config's `data.channels` says otherwise.
    """
    register_tiny_net()
    folder = prepare(path, config or tiny_config())
    config = config or folder.config
    channels = config.data.channels or 1
    return fit(
        config,
        train or tiny_images("train", channels=channels),
        val or tiny_images("val", 40, channels=channels),
        folder,
        progress=progress,
        inexact=inexact,
    )


def outcome(path: Path) -> dict[str, Any]:
    """Everything that a run leaves and that no clock touches, in a form that is equal only bit for bit."""
    folder = RunFolder(path)
    metrics = [
        {name: value for name, value in line.items() if name not in TIMING_FIELDS}
        for line in folder.read_metrics()
    ]
    newest = list_checkpoints(folder.checkpoints)[-1]
    return {
        "weights": folder.weights.read_bytes() if folder.weights.exists() else None,
        "metrics": json.dumps(metrics),
        "checkpoint": bits_of(read_checkpoint(newest)),
    }


def whole_outcome(config: RunConfig | None = None) -> dict[str, Any]:
    """The outcome of a run that nothing has interrupted; worked out once for each config."""
    return _whole_outcome((config or tiny_config()).to_toml())


@cache
def _whole_outcome(toml: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        run_tiny(Path(folder, "whole"), RunConfig.from_toml(toml, source="tests"))
        return outcome(Path(folder, "whole"))


# What of a checkpoint depends on the clock and the sitting, not on the run.
CLOCKED = frozenset({"seconds", "metrics_bytes", "peak_memory_bytes"})


def bits_of(checkpoint: Checkpoint) -> dict[str, Any]:
    """A checkpoint's content but for what a clock touches."""
    state = {name: value for name, value in checkpoint.state.items() if name not in CLOCKED}
    state["tally"] = {name: value for name, value in state["tally"].items() if name != "seconds"}
    tensors = {name: (str(t.dtype), tuple(t.shape), raw(t)) for name, t in checkpoint.tensors.items()}
    return {"state": json.dumps(state, sort_keys=True), "tensors": tensors}


def raw(tensor: Tensor) -> bytes:
    """The numbers as bytes, in the order of the indices."""
    return tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
