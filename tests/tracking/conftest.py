"""A run folder made by hand: eight steps, two validations, evaluated."""

import io
from pathlib import Path

import pytest
from PIL import Image

from cnnlab.config import RunConfig
from cnnlab.runs import RunFolder
from small_mlflow import small_mlflow
from some_scores import some_evaluation
from tracked_lines import line


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """A finished run, but for its weights."""
    config = RunConfig.from_dict({"model": {"name": "lenet5"}, "seed": 4}, source="test")
    folder = RunFolder.create(tmp_path, config)
    folder.environment = {"commit": "0123abc+"}
    for step in range(2, 9, 2):
        folder.append_metrics({**line(step, "train", 2 / step), "lr": 0.01, "images_per_s": 80.5})
        if step % 4 == 0:
            folder.append_metrics(line(step, "val", 3 / step))
    folder.cost = {"steps": 8, "train_seconds": 3.5, "parameters": 61706}
    folder.evaluation = some_evaluation(0.625)
    return folder


@pytest.fixture
def png() -> bytes:
    """A picture of 5 x 3 pixels."""
    buffer = io.BytesIO()
    Image.new("RGB", (5, 3), (10, 20, 30)).save(buffer, format="PNG")
    return buffer.getvalue()


@pytest.fixture
def server():
    """A small MLflow server."""
    with small_mlflow() as server:
        yield server
