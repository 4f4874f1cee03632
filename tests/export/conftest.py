"""An exported file that many tests look at."""

import os
from pathlib import Path

import pytest
import torch
from exported import export_to, make_run

from cnnlab import machine
from cnnlab.evaluation import Run

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def one_thread():
    """Small batches are faster on one thread, above all on a machine that has other work."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def tensorflow(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of `make golden`, by its full path."""
    given = os.environ.get(machine.TENSORFLOW_VARIABLE)
    monkeypatch.setenv(machine.TENSORFLOW_VARIABLE, given or str(ROOT / ".venv-tensorflow/bin/python"))


@pytest.fixture(scope="session")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of the smallest network, for grey images of 28 x 28."""
    return make_run(tmp_path_factory.mktemp("small"), "convnet_fast", is_digits=True)


@pytest.fixture(scope="session")
def small_file(small_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its ONNX file."""
    return export_to(tmp_path_factory.mktemp("exported") / "small.onnx", small_run)
