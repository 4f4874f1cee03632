"""From a run's images to what its network takes."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from cnnlab.data import centre_crop, normalise
from cnnlab.errors import DataError
from cnnlab.evaluation import Run


def network_inputs(run: Run, images: Tensor) -> Tensor:
    """Return images as the network takes them: its window of them, normalised.

    Args:
        run: a finished run.
        images: N x C x H x W, uint8, with the run's channels and `image_size`.

    Returns:
        N x C x h x w, float32, channels-last, h and w the run's `crop_size`.

    Raises:
        DataError: the images are of another shape.
    """
    expected = (run.in_channels, run.image_size, run.image_size)
    if images.ndim != 4 or tuple(images.shape[1:]) != expected:
        raise DataError(
            f"{run.folder.path}: takes images of {' x '.join(map(str, expected))} (C x H x W). "
            f"Received: {' x '.join(map(str, images.shape[1:]))}."
        )
    inputs = normalise(centre_crop(images, run.crop_size), run.mean, run.std)
    return inputs.contiguous(memory_format=torch.channels_last)


@contextmanager
def outputs_of(layers: dict[str, nn.Module]) -> Iterator[dict[str, Tensor]]:
    """Collect what each layer puts out, by name, in the order in which they run.

    A layer that runs more than once keeps its last output.
    """
    outputs: dict[str, Tensor] = {}

    def watch(name: str, layer: nn.Module):
        def note(_layer: nn.Module, _inputs: object, output: Tensor) -> None:
            outputs.pop(name, None)
            outputs[name] = output

        return layer.register_forward_hook(note)

    handles = [watch(name, layer) for name, layer in layers.items()]
    try:
        yield outputs
    finally:
        for handle in handles:
            handle.remove()
