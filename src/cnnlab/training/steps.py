"""One training step and one pass over a split: the arithmetic of the loop, without its bookkeeping."""

from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer

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
    images_per_pass,
    mix_batch,
    normalise,
    scale_of,
)
from cnnlab.errors import ConfigError
from cnnlab.models import HasAuxiliaryHeads
from cnnlab.training.execution import Execution
from cnnlab.training.loss import balanced_weights, batch_loss, check_classes, count_correct
from cnnlab.training.plan import Plan
from cnnlab.training.state import Tally

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
        self._seed, self._plan = config.seed, plan
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
        self._components = colour_components(train) if self._augment.pca else None
        self._epoch, self._order = -1, torch.empty(0)  # the order of the epoch at hand, kept to be drawn once

    def __getitem__(self, step: int) -> Batch:
        """Return a batch, its images normalised N x C x H x W float32 channels-last."""
        plan = self._plan
        epoch = plan.epoch_of(step)
        if epoch != self._epoch:
            self._order, self._epoch = self._order_of(epoch).to(self._images.device), epoch
        start = step % plan.steps_per_epoch * plan.batch_size
        chosen = self._order[start : start + plan.batch_size]
        generator = counter_generator(self._seed, "augment", step)
        images = augment_batch(
            self._images[chosen].to(self._device),
            self._augment,
            generator,
            mean=self.mean,
            std=self.std,
            mean_colour=self._mean_colour,
            crop_size=self._crop_size,
            components=self._components,
        )
        generator = counter_generator(self._seed, "mix", step)
        batch = mix_batch(images, self._labels[chosen], self._mixing, generator)
        return batch._replace(images=batch.images.contiguous(memory_format=torch.channels_last))

    def _order_of(self, epoch: int) -> Tensor:
        if self._balanced is None:
            return epoch_order(len(self._images), seed=self._seed, epoch=epoch)
        return balanced_order(*self._balanced, seed=self._seed, epoch=epoch)


def is_too_large(train: Dataset, execution: Execution) -> bool:
    """Tell whether images would crowd the GPU; they then stay in main memory and go there batch by batch."""
    return execution.device == "cuda" and train.images.numel() > torch.cuda.mem_get_info()[0] * GPU_SHARE


def seed_dropout(seed: int, step: int) -> None:
    """Make dropout, which draws from torch's global generator, a function of (seed, step) as well."""
    torch.manual_seed(counter_generator(seed, "dropout", step).initial_seed())


def train_step(
    model: nn.Module,
    optimizer: Optimizer,
    batch: Batch,
    config: RunConfig,
    execution: Execution,
    *,
    class_weights: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Do one update, unless the loss is not finite; then weights and moments stay as they were.

    Args:
        model: the network, in training mode.
        optimizer: with the learning rate of this step.
        batch: images and labels.
        config: label smoothing and gradient clipping.
        execution: the precision.
        class_weights: of the loss, one per class.

    Returns:
        The mean loss, with the weighted losses of auxiliary heads, and the number of images that the network
        itself classified right, both before the update; a mixed image's label is that of the larger share.
    """

    def loss_of(some_logits: Tensor) -> Tensor:
        smoothing = config.train.label_smoothing
        return batch_loss(some_logits.float(), batch, label_smoothing=smoothing, class_weights=class_weights)

    if isinstance(model, HasAuxiliaryHeads):
        with execution.autocast():
            logits, auxiliary = model.forward_with_aux(batch.images)
        loss = loss_of(logits)
        for auxiliary_logits in auxiliary:
            loss = loss + model.aux_weight * loss_of(auxiliary_logits)
    else:
        with execution.autocast():
            logits = model(batch.images)
        loss = loss_of(logits)
    if loss.isfinite():
        loss.backward()
        if config.optim.clip_norm is not None:
            nn.utils.clip_grad_norm_(model.parameters(), config.optim.clip_norm)
        optimizer.step()
        optimizer.zero_grad()
    return loss.detach(), count_correct(logits.detach(), batch)


def on_device(dataset: Dataset, execution: Execution) -> Dataset:
    """Return a data set whose images and labels lie on the device, to be moved once and not per batch."""
    device = execution.device
    return replace(dataset, images=dataset.images.to(device), labels=dataset.labels.to(device))


@torch.no_grad()
def validate(
    model: nn.Module,
    dataset: Dataset,
    execution: Execution,
    *,
    mean: tuple[float, ...],
    std: tuple[float, ...],
    crop_size: int | None = None,
) -> Tally:
    """Return loss and accuracy over a split that lies on the device, in the precision of the training.

    Args:
        model: the network.
        dataset: the split.
        execution: the precision.
        mean: as `normalise`.
        std: as `normalise`.
        crop_size: look at the middle windows of this size; at whole images if not given.
    """
    was_training = model.training
    model.eval()
    tally = Tally()
    batch_size = images_per_pass(crop_size or dataset.image_size)
    for images, labels in zip(
        dataset.images.split(batch_size), dataset.labels.split(batch_size), strict=True
    ):
        images = images if crop_size is None else centre_crop(images, crop_size)
        inputs = normalise(images, mean, std).contiguous(memory_format=torch.channels_last)
        with execution.autocast():
            logits = model(inputs)
        loss = F.cross_entropy(logits.float(), labels)
        tally.add(loss.item(), int((logits.argmax(1) == labels).sum()), len(labels))
    model.train(was_training)
    return tally
