"""A finished run, ready to classify: its network and what its images must look like.

All of it comes from the run folder's `model.safetensors`: no recipe, data set or training code is needed.
"""

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from cnnlab.errors import ConfigError, GeometryError, RunError
from cnnlab.machine import is_out_of_memory
from cnnlab.models import create_model
from cnnlab.pictures import Preparation
from cnnlab.runs import RunFolder, load_weights


@dataclass(frozen=True)
class Run:
    """A network with the weights that a run ended with.

    Attributes:
        folder: where it lies.
        model: on the CPU, float32, channels-last, in evaluation mode.
        network: its name in the registry.
        class_names: what its outputs stand for, in order.
        in_channels: 1 for grey, 3 for colour.
        image_size: height and width that images are brought to, in pixels.
        crop_size: height and width of the window of them that the network takes, in pixels.
        mean: per channel, of pixels in [0, 1]; subtracted from them.
        std: likewise; they are then divided by it.
        is_digits: photographs must be brought to light, centred strokes on a dark ground.
        description: all that the weights' file says of itself.
    """

    folder: RunFolder
    model: nn.Module
    network: str
    class_names: tuple[str, ...]
    in_channels: int
    image_size: int
    crop_size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    is_digits: bool
    description: dict[str, Any]

    @property
    def preparation(self) -> Preparation:
        """How pictures that are not of the data set are brought to the form of its images."""
        # The 8 x 8 digits fill their image, also where they were enlarged; MNIST's have a margin.
        is_small_set = self.description.get("trained_on", {}).get("data") == "digits"
        return Preparation(
            in_channels=self.in_channels,
            image_size=self.image_size,
            crop_size=self.crop_size,
            mean=self.mean,
            std=self.std,
            digit_size=(8 if is_small_set else self.image_size) if self.is_digits else None,
        )


def load_run(path: Path | str) -> Run:
    """Read a finished run.

    Raises:
        RunError: there is no run at `path`, it has not finished, its weights are damaged, or they belong to
            a network that this version does not have.

    Example:
        >>> run = cnnlab.load_run(cnnlab.train("convnet_mnist", data="digits", steps=20))
        >>> run.image_size, run.class_names[:3]
        (8, ('0', '1', '2'))
    """
    folder = RunFolder.open(Path(path))
    if not folder.weights.exists():
        is_evaluated = folder.evaluation is not None
        what = "its weights are gone" if is_evaluated else "this run has not finished"
        remedy = "Make them again" if is_evaluated else "If no process is training it now, go on"
        raise RunError(
            f"{folder.path}: {what} (no {folder.weights.name} in it). "
            f"{remedy} with: cnnlab resume {shlex.quote(str(folder.path))}"
        )
    tensors, description = load_weights(folder.weights)
    try:
        run = _assemble(folder, tensors, description)
    except (ConfigError, GeometryError) as error:
        raise RunError(f"{folder.weights}: not a network of this version of cnnlab: {error}") from None
    except (KeyError, TypeError, ValueError, RuntimeError, AttributeError) as error:
        if is_out_of_memory(error):
            raise
        run = None
    if run is None or not _fits_together(run):
        raise RunError(
            f"{folder.weights}: its weights and its description do not fit together. "
            "Train again with `cnnlab train`."
        )
    if (named := _network_of_config(folder)) not in (None, run.network):
        raise RunError(
            f"{folder.weights}: holds the weights of {run.network}, but config.toml beside it is of {named}. "
            "Bring back the file that belongs to it."
        )
    return run


def _assemble(folder: RunFolder, tensors: dict[str, Tensor], description: dict[str, Any]) -> Run:
    network, preprocessing = description["network"], description["preprocessing"]
    return Run(
        folder=folder,
        model=_build(network, tensors),
        network=str(network["name"]),
        class_names=tuple(str(name) for name in description["class_names"]),
        in_channels=int(network["in_channels"]),
        image_size=int(preprocessing.get("image_size", network["image_size"])),
        crop_size=int(network["image_size"]),
        mean=tuple(float(value) for value in preprocessing["mean"]),
        std=tuple(float(value) for value in preprocessing["std"]),
        is_digits=bool(preprocessing["is_digits"]),
        description=description,
    )


def _network_of_config(folder: RunFolder) -> str | None:
    """Return which network was asked for; None where the config is gone, or of another version."""
    try:
        return folder.config.model.name
    except ConfigError:
        return None


def _fits_together(run: Run) -> bool:
    has_all_names = len(set(run.class_names)) == int(run.description["network"]["num_classes"])
    has_all_channels = len(run.mean) == len(run.std) == run.in_channels and min(run.std) > 0
    return has_all_names and has_all_channels and run.image_size >= run.crop_size


def _build(network: dict[str, Any], tensors: dict[str, Tensor]) -> nn.Module:
    """Return the described network with these weights.

    Raises:
        RuntimeError: names or shapes differ.
    """
    # Built without memory, then given the file's tensors: what a description says can then neither fill the
    # memory nor disturb the global random numbers.
    with torch.device("meta"):
        model = create_model(
            network["name"],
            in_channels=network["in_channels"],
            num_classes=network["num_classes"],
            image_size=network["image_size"],
            **network["args"],
        )
    model.load_state_dict(tensors, assign=True)
    model = model.to(torch.float32).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    return model.requires_grad_(False).eval()
