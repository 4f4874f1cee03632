"""The batch that a step learns from: of more images than that, those that the network finds hardest.

Source: A. Jiang et al., "Accelerating Deep Learning by Focusing on the Biggest Losers", arXiv:1910.00762.
Deviations: the images of the largest loss are taken, not drawn with a probability that rises with it; and
the loss is that in evaluation mode, so that looking changes no running average.
"""

import torch
from torch import nn
from torch.nn import functional as F

from cnnlab.data import Batch, images_per_pass
from cnnlab.nn import quick_evaluation
from cnnlab.training.batches import TrainingBatches
from cnnlab.training.execution import Execution


def batch_to_learn(batches: TrainingBatches, step: int, model: nn.Module, execution: Execution) -> Batch:
    """Return the batch of a step: as it comes, or the hardest images of several.

    Args:
        batches: the training images.
        step: which step, from 0.
        model: the network as it is before the step, in training mode.
        execution: the precision.
    """
    batch, num = batches[step], batches.batch_size
    return batch if len(batch.labels) <= num else hardest(batch, num, model, execution)


@torch.no_grad()
def hardest(batch: Batch, num: int, model: nn.Module, execution: Execution) -> Batch:
    """Return the `num` images of the largest loss in evaluation mode, without label smoothing or weights.

    They keep their order, so that equal losses leave no choice open.
    """
    model.eval()
    losses, at_once = [], images_per_pass(batch.images.shape[2])
    with quick_evaluation(), execution.autocast():
        for images, labels in zip(batch.images.split(at_once), batch.labels.split(at_once), strict=True):
            losses.append(F.cross_entropy(model(images).float(), labels, reduction="none"))
    model.train()
    chosen = torch.cat(losses).argsort(descending=True, stable=True)[:num].sort().values
    images = batch.images.index_select(0, chosen).contiguous(memory_format=torch.channels_last)
    return batch._replace(images=images, labels=batch.labels.index_select(0, chosen))
