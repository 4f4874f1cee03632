"""Pictures as arrays, and an evaluated run made by hand."""

import io
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from cnnlab.config import RunConfig
from cnnlab.evaluation import Evaluation, save_predictions
from cnnlab.runs import RunFolder
from some_scores import some_scores


@pytest.fixture
def to_pixels():
    """Return a function from PNG bytes to H x W x 3, uint8."""
    return lambda png: np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """A run with metrics of 600 steps."""
    config = RunConfig.from_dict({"model": {"name": "lenet5"}, "seed": 4}, source="test")
    folder = RunFolder.create(tmp_path, config)
    for step in range(50, 601, 50):
        error = 0.5 ** (step / 60)
        figures = {"step": step, "epoch": step / 200, "loss": 2 * error + 0.01, "top1": 1 - error}
        folder.append_metrics({"split": "train", **figures})
        if step % 200 == 0:
            folder.append_metrics({"split": "val", **figures, "top1": 0.98 - error / 2})
    return folder


@pytest.fixture
def test_images(folder: RunFolder) -> SimpleNamespace:
    """Colour images with one mistake in eight, on which the run is evaluated."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (40, 3, 32, 32), dtype=torch.uint8, generator=generator)
    labels = torch.arange(40) % 4
    probs = torch.full((40, 4), 0.02)
    probs[torch.arange(40), labels] = 0.94
    probs[::8] = probs[::8].roll(1, dims=1)
    names = ("ant", "bee", "cat", "dog")
    scores = {**some_scores(0.875, names), "top1_interval": [0.7, 0.95]}
    evaluation = Evaluation("some", "test", "f", names, labels, probs, scores, 0.1)
    save_predictions(folder, evaluation)
    folder.evaluation = evaluation.as_dict()
    return SimpleNamespace(images=images, labels=labels, probs=probs, class_names=names, fingerprint="f")
