"""What a run says of itself in its folder: where it ran, and how its weights are to be used."""

import os
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch

from cnnlab import machine
from cnnlab.config import RunConfig
from cnnlab.data import Dataset
from cnnlab.source import source_commit
from cnnlab.training.batches import network_size
from cnnlab.training.execution import Execution
from cnnlab.training.origin import settings_of
from cnnlab.training.plan import Plan
from cnnlab.training.state import TrainingState

AT_ONCE_VARIABLE = "CNNLAB_RUNS_AT_ONCE"
"""Set by who starts several runs at once, so that each can say that its times are not its own."""

PACKAGES = ("cnnlab", "torch", "numpy", "safetensors", "pillow", "scikit-learn")


def describe_environment(
    config: RunConfig, execution: Execution, datasets: Sequence[Dataset], inexact_at: list[int]
) -> dict[str, Any]:
    """Return versions, hardware, commit and data of a run, for environment.json.

    They are those of its last sitting; `inexact_at` has the steps at which an earlier one was different in
    what decides the bits.
    """
    return {
        "execution": execution.as_dict(),
        "cpu": machine.cpu_name(),
        "cores": machine.num_cores(),
        "runs_at_once": int(os.environ.get(AT_ONCE_VARIABLE, "1")),
        "memory_bytes": machine.memory_bytes(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "commit": source_commit(),
        "settings": settings_of(config),
        "seed": config.seed,
        "inexact_at": inexact_at,
        "data": {
            data.split: {"name": data.name, "num_images": len(data), "fingerprint": data.fingerprint}
            for data in datasets
        },
    }


def describe_cost(state: TrainingState, plan: Plan) -> dict[str, Any]:
    """Return what a run took, for cost.json.

    `peak_memory_bytes` is the most that a training process held in main memory: a figure of the run alone
    only where the process did nothing else. `peak_gpu_bytes` is what torch held on the GPU, 0 without one.
    """
    return {
        "steps": state.step,
        "epochs": plan.epochs_at(state.step),
        "train_seconds": state.seconds,
        "seconds_per_epoch": state.seconds / plan.epochs_at(state.step),
        "peak_memory_bytes": state.peak_memory_bytes,
        "peak_gpu_bytes": torch.cuda.max_memory_allocated() if torch.cuda.is_available() else 0,
        "parameters": sum(parameter.numel() for parameter in state.model.parameters()),
    }


def describe_weights(
    config: RunConfig, train: Dataset, *, mean: tuple[float, ...], std: tuple[float, ...]
) -> dict[str, Any]:
    """Return how to build the network and prepare images for it, for the metadata of model.safetensors.

    Where the network sees windows of the images, `network.image_size` is that of a window, and
    `preprocessing.image_size` what images are brought to before it is cut; else the latter is absent.
    """
    is_cut = config.data.crop_size is not None
    return {
        "network": {
            "name": config.model.name,
            "args": dict(config.model.args),
            "in_channels": train.in_channels,
            "num_classes": train.num_classes,
            "image_size": network_size(config.data, train),
        },
        "class_names": list(train.class_names),
        "preprocessing": {
            "mean": list(mean),
            "std": list(std),
            "is_digits": train.is_digits,
            **({"image_size": train.image_size} if is_cut else {}),
        },
        "trained_on": {"data": config.data.name, "recipe": config.recipe, "seed": config.seed},
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
