"""A network that has learned the bundled digits for a few steps."""

import shutil
from pathlib import Path

import pytest

from cnnlab import lab
from cnnlab.config import RunConfig
from cnnlab.lab.evaluate import evaluate
from cnnlab.lab.splits import load_splits
from cnnlab.runs import RunFolder
from cnnlab.training import fit


def train_briefly(config: RunConfig, out: Path, unfinished: Path | None = None) -> RunFolder:
    """Train without evaluating."""
    data = load_splits(config.data, ("train", "val"))
    folder = RunFolder(unfinished) if unfinished else RunFolder.create(out, config)
    fit(config, data["train"], data["val"], folder)
    return folder


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A finished run that is not evaluated; tests work on copies."""
    values = {
        "threads": 1,
        "model": {"name": "convnet_mnist"},
        "data": {"name": "digits"},
        "train": {"steps": 60},
    }
    return train_briefly(RunConfig.from_dict(values, source="test"), tmp_path_factory.mktemp("trained"))


@pytest.fixture(scope="session")
def report_runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two networks on the bundled digits, three seeds each, evaluated; they make mistakes."""
    out = tmp_path_factory.mktemp("report-runs")
    return [
        Path(lab.train(name, data="digits", steps=8, seed=seed, out=out, threads=1))
        for name in ("convnet_mnist", "convnet_fast")
        for seed in range(3)
    ]


@pytest.fixture
def run(trained: RunFolder, tmp_path: Path) -> RunFolder:
    """A copy of the finished run."""
    return RunFolder(Path(shutil.copytree(trained.path, tmp_path / "runs" / trained.name)))


class RecordingLaunch:
    """Trains within this process, and notes what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int, Path | None]] = []

    def __call__(self, config: RunConfig, out: Path, unfinished: Path | None) -> Path:
        """Do what `launch_process` does."""
        self.asked.append((config.model.name, config.seed, unfinished))
        folder = train_briefly(config, out, unfinished)
        evaluate(folder.path)
        return folder.path


@pytest.fixture
def launch() -> RecordingLaunch:
    """A launch without processes."""
    return RecordingLaunch()
