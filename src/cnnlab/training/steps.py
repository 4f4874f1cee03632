"""One training step and one pass over a split: the arithmetic of the loop, without its bookkeeping."""

from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer

from cnnlab.config import RunConfig
from cnnlab.data import Batch, Dataset, centre_crop, counter_generator, images_per_pass, normalise
from cnnlab.models import HasAuxiliaryHeads
from cnnlab.training.execution import Execution
from cnnlab.training.loss import batch_loss, count_correct
from cnnlab.training.state import Tally


def seed_dropout(seed: int, step: int) -> None:
    """Make dropout, which draws from torch's global generators, a function of (seed, step) as well.

    `torch.manual_seed` does that too, but where no GPU is in use it writes each time down where it was called
    from, in a list for the first use, which takes up to half a millisecond.
    """
    drawn = counter_generator(seed, "dropout", step).initial_seed()
    torch.default_generator.manual_seed(drawn)
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(drawn)


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
