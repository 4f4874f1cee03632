"""Finished runs with random weights, and their exported files."""

from pathlib import Path
from typing import Any

import torch

from cnnlab.config import RunConfig
from cnnlab.evaluation import Run, load_run
from cnnlab.export.describe import describe_run
from cnnlab.export.description import ExportDescription
from cnnlab.export.graph import graph_of
from cnnlab.export.onnx_file import onnx_model
from cnnlab.export.sealed import seal
from cnnlab.models import create_model, model_info
from cnnlab.runs import RunFolder, save_weights


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
