"""The pictures that land in a run folder."""

from typing import Protocol

from torch import Tensor

from cnnlab.errors import RunError
from cnnlab.evaluation import load_predictions
from cnnlab.reporting.answers import sample_predictions
from cnnlab.reporting.canvas import run_title
from cnnlab.reporting.curves import learning_curves
from cnnlab.reporting.filters import filters_picture, restored_picture
from cnnlab.runs import RunFolder, load_pretraining
from cnnlab.runs.atomic import write_bytes

CURVES, SAMPLES = "curves.png", "predictions.png"
FILTERS, RESTORED = "filters.png", "reconstructions.png"


class SplitImages(Protocol):
    """What a picture needs of the test split."""

    @property
    def images(self) -> Tensor:
        """N x C x H x W, uint8."""
        ...

    @property
    def fingerprint(self) -> str:
        """Of images, labels and class names."""
        ...


def write_curves(folder: RunFolder, *, test_top1: float | None = None) -> None:
    """Write curves.png into a run folder.

    Args:
        folder: the run; it need not be evaluated.
        test_top1: accuracy for the title, as a fraction; the one in eval.json, if any, where none is given.

    Raises:
        RunError: a file of the run is damaged.
        MissingResourceError: the disk is full.
    """
    write_bytes(folder.path / CURVES, learning_curves(folder, test_top1=test_top1))


def write_samples(folder: RunFolder, test: SplitImages, *, test_top1: float | None = None) -> None:
    """Write predictions.png into the folder of a run whose answers on the test images are stored.

    Args:
        folder: the run.
        test: the images that were answered.
        test_top1: as `write_curves` takes it.

    Raises:
        RunError: the answers are missing, damaged, or of other images.
        MissingResourceError: the disk is full.
    """
    stored = load_predictions(folder)
    if stored.fingerprint != test.fingerprint:
        raise RunError(
            f"{folder.path}: was evaluated on other test images than those given for its pictures."
        )
    title = run_title(folder, test_top1=test_top1)
    picture = sample_predictions(test.images, stored.labels, stored.probs, stored.class_names, title=title)
    write_bytes(folder.path / SAMPLES, picture)


def write_pretraining(folder: RunFolder) -> None:
    """Write filters.png and reconstructions.png into the folder of a run that was pre-trained, else nothing.

    Raises:
        RunError: what pre-training left is damaged.
        MissingResourceError: the disk is full.
    """
    pretraining = load_pretraining(folder)
    if pretraining is not None:
        run, layer = run_title(folder), pretraining.record.layers[0].layer
        filters = filters_picture(pretraining, title=f"{run}: the filters of {layer}")
        write_bytes(folder.path / FILTERS, filters)
        restored = restored_picture(pretraining, title=f"{run}: what {layer} restores")
        write_bytes(folder.path / RESTORED, restored)
