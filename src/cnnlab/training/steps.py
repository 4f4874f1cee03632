"""One training step and one pass over a split: the arithmetic of the loop, without its bookkeeping."""

from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer

from cnnlab.config import AugmentConfig, RunConfig
from cnnlab.data import (
    Augment,
    Dataset,
    augment_batch,
    channel_stats,
    counter_generator,
    epoch_order,
    normalise,
)
from cnnlab.errors import ConfigError
from cnnlab.training.execution import Execution
from cnnlab.training.plan import Plan
from cnnlab.training.state import Tally

EVAL_BATCH_SIZE = 500


def check_augmentation(augment: AugmentConfig, image_size: int) -> None:
    """Refuse to move images so far that nothing of them need be left.

    Raises:
        ConfigError: `pad_crop` or `shift` is more than the images' height and width.
    """
    for field in ("pad_crop", "shift"):
        value = getattr(augment, field)
        if value > image_size:
            raise ConfigError(
                f"data.augment.{field}: must be at most the images' {image_size} pixels. Received: {value:g}."
            )


class TrainingBatches:
    """The training images on the device; batch `step` is a function of (seed, step).

    Attributes:
        mean: per channel, of pixels in [0, 1], over the training images.
        std: likewise.
    """

    def __init__(self, train: Dataset, config: RunConfig, plan: Plan, execution: Execution) -> None:
        check_augmentation(config.data.augment, train.image_size)
        self._images = train.images.to(execution.device)
        self._labels = train.labels.to(execution.device)
        self._seed, self._plan = config.seed, plan
        self._augment = Augment(**config.data.augment.model_dump())
        self.mean, self.std = channel_stats(train)
        self._epoch, self._order = -1, torch.empty(0)  # the order of the epoch at hand, kept to be drawn once

    def __getitem__(self, step: int) -> tuple[Tensor, Tensor]:
        """Return images, normalised N x C x H x W float32 channels-last, and labels, N."""
        plan = self._plan
        epoch = plan.epoch_of(step)
        if epoch != self._epoch:
            self._order = epoch_order(len(self._images), seed=self._seed, epoch=epoch).to(self._images.device)
            self._epoch = epoch
        start = step % plan.steps_per_epoch * plan.batch_size
        chosen = self._order[start : start + plan.batch_size]
        generator = counter_generator(self._seed, "augment", step)
        images = augment_batch(self._images[chosen], self._augment, generator, mean=self.mean, std=self.std)
        return images.contiguous(memory_format=torch.channels_last), self._labels[chosen]


def train_step(
    model: nn.Module,
    optimizer: Optimizer,
    images: Tensor,
    labels: Tensor,
    config: RunConfig,
    execution: Execution,
) -> tuple[Tensor, Tensor]:
    """Do one update, unless the loss is not finite; then weights and moments stay as they were.

    Args:
        model: the network, in training mode.
        optimizer: with the learning rate of this step.
        images: N x C x H x W, normalised.
        labels: N.
        config: label smoothing and gradient clipping.
        execution: the precision.

    Returns:
        The mean loss and the number of images classified right, both before the update.
    """
    with execution.autocast():
        logits = model(images)
    logits = logits.float()
    loss = F.cross_entropy(logits, labels, label_smoothing=config.train.label_smoothing)
    if loss.isfinite():
        loss.backward()
        if config.optim.clip_norm is not None:
            nn.utils.clip_grad_norm_(model.parameters(), config.optim.clip_norm)
        optimizer.step()
        optimizer.zero_grad()
    return loss.detach(), (logits.detach().argmax(1) == labels).sum()


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
) -> Tally:
    """Return loss and accuracy over a split that lies on the device, in the precision of the training."""
    was_training = model.training
    model.eval()
    tally = Tally()
    for images, labels in zip(
        dataset.images.split(EVAL_BATCH_SIZE), dataset.labels.split(EVAL_BATCH_SIZE), strict=True
    ):
        inputs = normalise(images, mean, std).contiguous(memory_format=torch.channels_last)
        with execution.autocast():
            logits = model(inputs)
        loss = F.cross_entropy(logits.float(), labels)
        tally.add(loss.item(), int((logits.argmax(1) == labels).sum()), len(labels))
    model.train(was_training)
    return tally
