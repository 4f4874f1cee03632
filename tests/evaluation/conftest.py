"""Run folders made by hand: a network with random weights, or only scores."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from cnnlab.config import RunConfig
from cnnlab.models import create_model
from cnnlab.runs import RunFolder, save_weights

NAMES = tuple("abcdefghij")


def describe(network: str, **changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "name": network,
        "args": {},
        "in_channels": 1,
        "num_classes": 10,
        "image_size": 28,
    }
    values |= {key: changes.pop(key) for key in list(changes) if key in values}
    channels = values["in_channels"]
    preprocessing = {"mean": [0.3] * channels, "std": [0.2] * channels, "is_digits": False}
    return {"network": values, "class_names": list(NAMES), "preprocessing": preprocessing} | changes


@pytest.fixture(autouse=True)
def one_thread():
    """Small batches are faster on one thread, above all on a machine that has other work."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., RunFolder]:
    """Return a function that makes a finished run of a network with random weights."""

    def make(network: str = "convnet_mnist", **changes: Any) -> RunFolder:
        config = RunConfig.from_dict({"model": {"name": network}}, source="test")
        folder = RunFolder.create(tmp_path / "runs", config)
        description = describe(network, **changes)
        geometry = {key: description["network"][key] for key in ("in_channels", "num_classes", "image_size")}
        with torch.random.fork_rng():
            torch.manual_seed(0)
            model = create_model(network, **geometry, **description["network"]["args"])
        save_weights(folder.weights, model.state_dict(), description)
        return folder

    return make
