"""Finished runs of every network, with random weights, and what their exports must agree with."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cnnlab.config import RunConfig
from cnnlab.evaluation import Run, load_run
from cnnlab.export.describe import describe_run
from cnnlab.export.description import ExportDescription
from cnnlab.export.gate import compare
from cnnlab.export.graph import graph_of
from cnnlab.export.onnx_file import onnx_model
from cnnlab.export.sealed import seal
from cnnlab.models import create_model, list_models, model_info
from cnnlab.runs import RunFolder, save_weights

DEEP = ("32", "34", "44", "50", "56", "101", "110", "152")
CASES = [
    pytest.param(
        name, {}, marks=[pytest.mark.slow] if model_info(name).is_large or name.endswith(DEEP) else []
    )
    for name in list_models()
]
"""Every network of the registry, with its arguments."""


def make_run(
    out: Path,
    network: str,
    *,
    args: dict[str, Any] | None = None,
    channels: int | None = None,
    image_size: int | None = None,
    uncut: int | None = None,
    is_digits: bool = False,
    data: str = "mnist",
) -> Run:
    """Return a run whose batch norm has seen some noise; `uncut` is the size of images before the cut."""
    info = model_info(network)
    channels, size = channels or info.in_channels, image_size or info.image_size
    folder = RunFolder.create(out, RunConfig.from_dict({"model": {"name": network}}, source="test"))
    torch.manual_seed(0)
    model = create_model(network, in_channels=channels, num_classes=10, image_size=size, **(args or {}))
    with torch.no_grad():
        for _ in range(2):
            model.train()(torch.randn(4, channels, size, size))
    preprocessing = {"mean": [0.3] * channels, "std": [0.2] * channels, "is_digits": is_digits}
    description = {
        "network": {
            "name": network,
            "args": args or {},
            "in_channels": channels,
            "num_classes": 10,
            "image_size": size,
        },
        "class_names": [f"class {letter}" for letter in "abcdefghij"],
        "preprocessing": preprocessing | ({"image_size": uncut} if uncut else {}),
        "trained_on": {"data": data, "recipe": network, "seed": 0},
    }
    save_weights(folder.weights, model.state_dict(), description)
    return load_run(folder.path)


def model_of(run: Run) -> Any:
    """Return the ONNX model of a run, without its description."""
    return onnx_model(graph_of(run.model, in_channels=run.in_channels, image_size=run.crop_size))


def export_to(path: Path, run: Run, *, description: ExportDescription | None = None) -> Path:
    """Write the ONNX file of a run."""
    path.write_bytes(seal(model_of(run).SerializeToString(), description or describe_run(run)))
    return path


def noise_for(run: Run, count: int) -> np.ndarray:
    """Return images of noise in the form of a run's, count x C x image_size x image_size."""
    shape = (count, run.in_channels, run.image_size, run.image_size)
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def network_logits(run: Run, inputs: np.ndarray) -> np.ndarray:
    """Return what a run's network makes of normalised images."""
    with torch.inference_mode():
        return run.model(torch.from_numpy(inputs)).numpy()


def gate_problem(run: Run, logits: np.ndarray, pixels: np.ndarray) -> str:
    """Return why an export's logits for images would not pass the gate; empty if they would."""
    expected = network_logits(run, run.preparation.inputs(pixels))
    return compare(logits, expected, expected.argmax(1)).problem
