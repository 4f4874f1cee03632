"""From images to probabilities."""

import torch
from torch import Tensor

from cnnlab.data import normalise
from cnnlab.errors import DataError, RunError
from cnnlab.evaluation.loading import Run

BATCH_SIZE = 500
"""Images in one forward pass; the result depends on it by rounding only, less than 1e-6."""


@torch.inference_mode()
def predict_probs(run: Run, images: Tensor) -> Tensor:
    """Return what a run's network makes of images, in float32 whatever the run was trained in.

    Args:
        run: a finished run.
        images: N x C x H x W, uint8, with the run's channels and size.

    Returns:
        N x num_classes, float32; rows sum to 1.

    Raises:
        DataError: the images have other channels or another size than the run's.
        RunError: the network's output is not a number.
    """
    expected = (run.in_channels, run.image_size, run.image_size)
    if images.ndim != 4 or tuple(images.shape[1:]) != expected:
        raise DataError(
            f"{run.folder.path}: takes images of {_times(expected)} (C x H x W). "
            f"Received: {_times(tuple(images.shape[1:]))}."
        )
    probs = torch.empty(len(images), len(run.class_names))
    for start in range(0, len(images), BATCH_SIZE):
        inputs = normalise(images[start : start + BATCH_SIZE], run.mean, run.std)
        logits = run.model(inputs.contiguous(memory_format=torch.channels_last))
        if not logits.isfinite().all():
            raise RunError(f"{run.folder.path}: the network's output is not a finite number; it diverged.")
        probs[start : start + BATCH_SIZE] = logits.double().softmax(1)
    return probs


def _times(shape: tuple[int, ...]) -> str:
    return " x ".join(str(length) for length in shape)
