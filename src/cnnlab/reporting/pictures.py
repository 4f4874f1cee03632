"""The pictures that land in a run folder."""

from typing import Protocol

from torch import Tensor

from cnnlab.errors import RunError
from cnnlab.evaluation import load_predictions
from cnnlab.reporting.answers import sample_predictions
from cnnlab.reporting.canvas import run_title
from cnnlab.reporting.curves import learning_curves
from cnnlab.runs import RunFolder
from cnnlab.runs.atomic import write_bytes

CURVES, SAMPLES = "curves.png", "predictions.png"


class TestImages(Protocol):
    """What a picture needs of the test split."""

    @property
    def images(self) -> Tensor:
        """N x C x H x W, uint8."""
        ...

    @property
    def fingerprint(self) -> str:
        """Of images, labels and class names."""
        ...


def write_pictures(folder: RunFolder, test: TestImages) -> None:
    """Write curves.png and predictions.png into the folder of an evaluated run.

    Args:
        folder: the run.
        test: the images that it was evaluated on.

    Raises:
        RunError: the run was evaluated on other images, or not yet, or a file is damaged.
        MissingResourceError: the disk is full.
    """
    stored = load_predictions(folder)
    if stored.fingerprint != test.fingerprint:
        raise RunError(
            f"{folder.path}: was evaluated on other test images than those given for its pictures."
        )
    write_bytes(folder.path / CURVES, learning_curves(folder))
    picture = sample_predictions(
        test.images, stored.labels, stored.probs, stored.class_names, title=run_title(folder)
    )
    write_bytes(folder.path / SAMPLES, picture)
