"""Runs the command line in this process, and one small finished run to look at."""

from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from cnnlab.cli import main

TINY = ["--data", "digits", "--steps", "12", "--threads", "1"]


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str


@pytest.fixture
def tiny() -> list[str]:
    """Options that make training take a second."""
    return TINY


@pytest.fixture
def run_cli(capsys):
    """Return a function that runs `cnnlab ARGUMENTS` and gives its exit code and output."""
    threads = torch.get_num_threads()

    def run(*arguments: str | Path) -> Result:
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        assert isinstance(stop.value.code, int)
        assert "Traceback" not in captured.err
        return Result(stop.value.code, captured.out, captured.err)

    yield run
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Path:
    """A run folder of a convnet that has seen a few digits."""
    out = tmp_path_factory.mktemp("runs")
    with pytest.raises(SystemExit) as stop:
        main(["train", "convnet_mnist", *TINY, "--out", str(out)])
    assert stop.value.code == 0
    return next(out.glob("convnet_mnist-digits-s0-*"))
