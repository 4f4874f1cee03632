"""The training images as batches, each a function of (seed, step)."""

from functools import partial

import torch
from torch import Tensor

from cnnlab.config import DataConfig, RunConfig, TrainConfig
from cnnlab.data import (
    Augment,
    Batch,
    Dataset,
    Mixing,
    augment_batch,
    balanced_order,
    centre_crop,
    channel_stats,
    colour_components,
    counter_generator,
    epoch_order,
    levels_of,
    mix_batch,
    normalise,
    scale_of,
)
from cnnlab.errors import ConfigError
from cnnlab.nn import Levels, chosen_images, load_kernels, mapped_images
from cnnlab.training.execution import Execution
from cnnlab.training.loss import balanced_weights, check_classes
from cnnlab.training.plan import Plan

NUM_SOME = 1000
"""Images that are enough to know what patches of them are like."""

GPU_SHARE = 0.5
"""Of a GPU's free memory, what training images may take; the rest is the network's."""


def network_size(data: DataConfig, dataset: Dataset) -> int:
    """Return the height and width of what the network sees: the windows, else the whole images."""
    return dataset.image_size if data.crop_size is None else data.crop_size


def check_augmentation(data: DataConfig, train: Dataset) -> None:
    """Refuse windows larger than the images, moves after which nothing need be left, and noise of no colour.

    Raises:
        ConfigError: `crop_size` is more than the images' height and width, `pad_crop` or `shift` more than
            that of what the network sees, or `pca` is on for grey images.
    """
    if data.crop_size is not None and data.crop_size > train.image_size:
        raise ConfigError(
            f"data.crop_size: must be at most the images' {train.image_size} pixels; data.image_size brings "
            f"them to another size. Received: {data.crop_size}."
        )
    size = network_size(data, train)
    for field in ("pad_crop", "shift"):
        value = getattr(data.augment, field)
        if value > size:
            what = "images'" if data.crop_size is None else "windows'"
            raise ConfigError(
                f"data.augment.{field}: must be at most the {what} {size} pixels. Received: {value:g}."
            )
    if data.augment.pca and train.in_channels != 3:
        raise ConfigError(
            "data.augment.pca: colour noise needs images of three channels, and these are grey; leave it "
            f"out. Received: {data.augment.pca:g}."
        )


def check_balance(train: TrainConfig, dataset: Dataset) -> None:
    """Refuse to balance classes of which one has no training image; raises ConfigError."""
    for field in ("class_weights", "sampling"):
        if getattr(train, field) == "balanced":
            check_classes(f"train.{field}", dataset)


class TrainingBatches:
    """The training images, on the device if it has room; batch `step` is a function of (seed, step).

    Where there are unlabelled images too, pixels are brought to the scale of those, which pre-training saw.

    Attributes:
        batch_size: images that a step learns from.
        class_weights: of the loss, one per class, on the device; None where all are equal.
        mean: per channel, in units of [0, 1]: what `normalise` takes off to bring pixels to `data.scale`.
        std: likewise, what it divides by.
    """

    def __init__(
        self,
        train: Dataset,
        config: RunConfig,
        plan: Plan,
        execution: Execution,
        *,
        unlabelled: Dataset | None = None,
    ) -> None:
        check_augmentation(config.data, train)
        check_balance(config.train, train)
        self._device = execution.device
        self._images = train.images if is_too_large(train, execution) else train.images.to(self._device)
        self._labels = train.labels.to(execution.device)
        self._seed, self._plan, self.batch_size = config.seed, plan, plan.batch_size
        settings = config.data.augment.model_dump()
        self._mixing = Mixing(mixup=settings.pop("mixup"), cutmix=settings.pop("cutmix"))
        self._augment = Augment(**settings)
        is_weighted, is_balanced = (
            choice == "balanced" for choice in (config.train.class_weights, config.train.sampling)
        )
        self.class_weights = balanced_weights(train).to(execution.device) if is_weighted else None
        self._balanced = (train.labels, train.num_classes) if is_balanced else None
        self._crop_size = config.data.crop_size
        self._mean_colour, deviation = channel_stats(unlabelled or train)
        self.mean, self.std = scale_of(config.data.scale, self._mean_colour, deviation)
        self._levels = self._levels_for_kernels(execution)
        self._components = colour_components(train) if self._augment.pca else None
        self._is_mirrored = None  # in even epochs; each image is in odd ones what it was not in those
        if self._augment.mirror and self._augment.alternating:
            generator = counter_generator(config.seed, "mirror")
            self._is_mirrored = torch.rand(len(train), generator=generator) < 0.5
        self._epoch, self._order = -1, torch.empty(0)  # the order of the epoch at hand, kept to be drawn once

    def __getitem__(self, step: int) -> Batch:
        """Return the images that a step looks at, normalised N x C x H x W float32 channels-last."""
        numbers = self._plan.batches_of(step)
        if len(numbers) == 1:
            return self._batch(numbers[0], self._chosen(numbers[0]))
        assert not self._mixing, "the share of each batch's images is its own"
        chosen = [self._chosen(number) for number in numbers]
        if not self._augment and self._crop_size is None:  # nothing depends on a batch's number
            return self._batch(numbers[0], torch.cat(chosen))
        batches = [self._batch(number, some) for number, some in zip(numbers, chosen, strict=True)]
        return Batch(torch.cat([one.images for one in batches]), torch.cat([one.labels for one in batches]))

    def some_images(self) -> Tensor:
        """Return training images from end to end, as the network sees them outside training.

        Returns:
            At most `NUM_SOME` x C x H x W, float32, normalised.
        """
        images = self._images[:: max(1, -(-len(self._images) // NUM_SOME))].to(self._device)
        if self._crop_size is not None:
            images = centre_crop(images, self._crop_size)
        return normalise(images, self.mean, self.std)

    def _chosen(self, number: int) -> Tensor:
        """Return which images a batch holds, by its number, from 0, over all epochs."""
        plan = self._plan
        epoch = plan.epoch_of(number)
        if epoch != self._epoch:
            self._order, self._epoch = self._order_of(epoch).to(self._images.device), epoch
        start = number % plan.steps_per_epoch * plan.batch_size
        return self._order[start : start + plan.batch_size]

    def _batch(self, number: int, chosen: Tensor) -> Batch:
        """Return these images as the batch of that number sees them."""
        if self._levels is not None and not self._augment and self._crop_size is None:
            images = chosen_images(self._levels, self._images, chosen)
        else:
            images = self._augmented(number, chosen)
        generator = counter_generator(self._seed, "mix", number)
        batch = mix_batch(
            images, self._labels.index_select(0, chosen.to(self._device)), self._mixing, generator
        )
        return batch._replace(images=batch.images.contiguous(memory_format=torch.channels_last))

    def _augmented(self, number: int, chosen: Tensor) -> Tensor:
        """Return these images, changed as in the batch of that number."""
        mirrored = None
        if self._is_mirrored is not None:
            mirrored = self._is_mirrored[chosen.cpu()] ^ (self._plan.epoch_of(number) % 2 == 1)
        return augment_batch(
            self._images.index_select(0, chosen).to(self._device),
            self._augment,
            counter_generator(self._seed, "augment", number),
            mean=self.mean,
            std=self.std,
            mean_colour=self._mean_colour,
            crop_size=self._crop_size,
            components=self._components,
            mirrored=mirrored,
            resample=None if self._levels is None else partial(mapped_images, self._levels),
        )

    def _levels_for_kernels(self, execution: Execution) -> Levels | None:
        """Return what kernels are told of the scale; None where images do not lie as they need them."""
        has_kernels = execution.kernels != "none" and load_kernels().library is not None
        if not has_kernels or not self._images.is_contiguous():
            return None
        off, by = (one.flatten().tolist() for one in levels_of(self.mean, self.std, torch.device("cpu")))
        return Levels(off, by)

    def _order_of(self, epoch: int) -> Tensor:
        if self._balanced is None:
            return epoch_order(len(self._images), seed=self._seed, epoch=epoch)
        return balanced_order(*self._balanced, seed=self._seed, epoch=epoch)


def is_too_large(train: Dataset, execution: Execution) -> bool:
    """Tell whether images would crowd the GPU; they then stay in main memory and go there batch by batch."""
    return execution.device == "cuda" and train.images.numel() > torch.cuda.mem_get_info()[0] * GPU_SHARE
