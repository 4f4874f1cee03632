"""From images to probabilities."""

import torch
from torch import Tensor

from cnnlab.data import images_per_pass, normalise
from cnnlab.errors import DataError, RunError
from cnnlab.evaluation.loading import Run
from cnnlab.evaluation.views import average_views, check_slack, check_view_names, cut_views


@torch.inference_mode()
def predict_probs(run: Run, images: Tensor, *, tta: str = "none", average: str = "probs") -> Tensor:
    """Return what a run's network makes of images, in float32 whatever the run was trained in.

    Args:
        run: a finished run.
        images: N x C x H x W, uint8, with the run's channels and `image_size`.
        tta: which views of each image the network is shown; see `cut_views`.
        average: how their answers become one; see `average_views`.

    Returns:
        N x num_classes, float32; rows sum to 1.

    Raises:
        ConfigError: there are no such views, or they cannot be cut from the run's images.
        DataError: the images have other channels or another size than the run's.
        RunError: the network's output is not a number.
    """
    expected = (run.in_channels, run.image_size, run.image_size)
    if images.ndim != 4 or tuple(images.shape[1:]) != expected:
        raise DataError(
            f"{run.folder.path}: takes images of {_times(expected)} (C x H x W). "
            f"Received: {_times(tuple(images.shape[1:]))}."
        )
    check_run_views(run, tta, average)
    probs = torch.empty(len(images), len(run.class_names))
    batch_size = images_per_pass(run.crop_size)  # the result depends on it by rounding, less than 1e-6
    for start in range(0, len(images), batch_size):
        views = cut_views(images[start : start + batch_size], run.crop_size, tta)
        logits = (_logits(run, view) for view in views)
        probs[start : start + batch_size] = average_views(logits, average)
    return probs


def check_run_views(run: Run, tta: str, average: str) -> None:
    """Refuse views that a run's images do not have; raises ConfigError."""
    check_view_names(tta, average)
    check_slack(tta, image_size=run.image_size, crop_size=run.crop_size, place=str(run.folder.path))


def _logits(run: Run, images: Tensor) -> Tensor:
    inputs = normalise(images, run.mean, run.std)
    logits = run.model(inputs.contiguous(memory_format=torch.channels_last))
    if not logits.isfinite().all():
        raise RunError(f"{run.folder.path}: the network's output is not a finite number; it diverged.")
    return logits


def _times(shape: tuple[int, ...]) -> str:
    return " x ".join(str(length) for length in shape)
