"""The images that pre-training sees: without labels, as the network sees them in validation."""

from collections.abc import Iterator

import torch
from torch import Tensor

from cnnlab.config import DataConfig, PretrainConfig
from cnnlab.data import Dataset, centre_crop, counter_generator, normalise
from cnnlab.training.batches import is_too_large
from cnnlab.training.execution import Execution


class UnlabelledImages:
    """Images brought to numbers when they are asked for; their labels are left behind.

    They lie on the device if it has room.

    Args:
        dataset: the images.
        data: for the window that the network sees.
        execution: the device.
        seed: decides which images are the sample.
        mean: per channel, as `normalise` takes it.
        std: likewise.
    """

    def __init__(
        self,
        dataset: Dataset,
        data: DataConfig,
        execution: Execution,
        *,
        seed: int,
        mean: tuple[float, ...],
        std: tuple[float, ...],
    ) -> None:
        self._device = execution.device
        self._images = dataset.images if is_too_large(dataset, execution) else dataset.images.to(self._device)
        # Drawn, since the images of a folder lie class by class.
        generator = counter_generator(seed, f"pretrain sample of {dataset.split}")
        self._sample = torch.randperm(len(self._images), generator=generator).to(self._images.device)
        self._crop_size, self._mean, self._std = data.crop_size, mean, std

    def __len__(self) -> int:
        return len(self._images)

    def sample(self, num_images: int) -> Tensor:
        """Return some images, each time the same, as `batches` gives them; all where there are fewer."""
        return self._as_numbers(self._images[self._sample[:num_images]])

    def batches(self, config: PretrainConfig, *, seed: int, layer: int) -> Iterator[Tensor]:
        """Give the batches that a layer learns from, N x C x H x W float32 channels-last.

        Each epoch is a permutation of the images, a function of (seed, layer, epoch), of which a last part
        batch is left out.
        """
        batch_size = min(config.batch_size, len(self))
        per_epoch = len(self) // batch_size
        order = torch.empty(0)
        for step in range(num_steps(config, len(self))):
            epoch, place = divmod(step, per_epoch)
            if place == 0:
                generator = counter_generator(seed, "pretrain order", layer, epoch)
                order = torch.randperm(len(self), generator=generator).to(self._images.device)
            yield self._as_numbers(self._images[order[place * batch_size : (place + 1) * batch_size]])

    def to_pixels(self, images: Tensor) -> Tensor:
        """Return what `sample` and `batches` give, or what looks like it, in units of [0, 1]."""
        mean, std = (
            torch.tensor(part).to(images.device).view(1, -1, 1, 1) for part in (self._mean, self._std)
        )
        return images * std + mean

    def _as_numbers(self, images: Tensor) -> Tensor:
        images = images.to(self._device)
        images = images if self._crop_size is None else centre_crop(images, self._crop_size)
        return normalise(images, self._mean, self._std).contiguous(memory_format=torch.channels_last)


def num_steps(config: PretrainConfig, num_images: int) -> int:
    """Return how many updates a layer gets."""
    return max(1, round(config.epochs * (num_images // min(config.batch_size, num_images))))
