"""The training loss of a batch, and what a right answer is where images are mixed."""

from torch import Tensor
from torch.nn import functional as F

from cnnlab.data import Batch, Dataset
from cnnlab.errors import ConfigError


def batch_loss(
    logits: Tensor, batch: Batch, *, label_smoothing: float = 0.0, class_weights: Tensor | None = None
) -> Tensor:
    """Return the mean cross-entropy; of mixed images, each label's by its share.

    With class weights it is a weighted mean, as that of `torch.nn.functional.cross_entropy`: the sum of
    weight times loss over the sum of the weights. Partners are the same labels in another order, so that both
    parts are divided by the same sum.

    Args:
        logits: N x num_classes, float32.
        batch: for the labels, their partners and the share.
        label_smoothing: share of a label's probability spread over all classes.
        class_weights: one per class; equal ones if not given.
    """

    def of(labels: Tensor) -> Tensor:
        return F.cross_entropy(logits, labels, weight=class_weights, label_smoothing=label_smoothing)

    if batch.partners is None:
        return of(batch.labels)
    return batch.share * of(batch.labels) + (1.0 - batch.share) * of(batch.partners)


def count_correct(logits: Tensor, batch: Batch) -> Tensor:
    """Return how many images were given the label of the larger share, their own at a tie."""
    is_mostly_partner = batch.partners is not None and batch.share < 0.5
    labels = batch.partners if is_mostly_partner else batch.labels
    return (logits.argmax(1) == labels).sum()


def balanced_weights(dataset: Dataset) -> Tensor:
    """Return num_images / (num_classes * images of the class) for each class, float32.

    Their mean over the images is 1. The rule is that of scikit-learn's `compute_class_weight("balanced")`.
    """
    counts = dataset.labels.bincount(minlength=dataset.num_classes)
    return (len(dataset) / (dataset.num_classes * counts.double())).float()


def check_classes(field: str, dataset: Dataset) -> None:
    """Refuse to balance classes of which one has no image.

    Raises:
        ConfigError: so it is.
    """
    counts = dataset.labels.bincount(minlength=dataset.num_classes).tolist()
    if 0 in counts:
        name = dataset.class_names[counts.index(0)]
        raise ConfigError(
            f"{field}: balanced needs a training image of every class; add some, or leave it out. "
            f"Received: none of {name!r}."
        )
