"""The training loss against sums over single images, weights against scikit-learn."""

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight

from cnnlab.data import Batch, make_dataset
from cnnlab.errors import ConfigError
from cnnlab.training import check_balance
from cnnlab.training.loss import balanced_weights, batch_loss, count_correct
from tiny_training import tiny_config

LOGITS = torch.tensor([[2.0, 0.0, 1.0], [0.0, 1.0, 3.0], [0.5, 0.2, -1.0], [1.0, 1.5, 0.0]])
LABELS = torch.tensor([0, 1, 1, 2])
PARTNERS = torch.tensor([1, 0, 2, 1])
IMAGES = torch.empty(4, 1, 1, 1)
WEIGHTS = torch.tensor([0.5, 2.0, 1.0])


def by_hand(labels: torch.Tensor, smoothing: float, weights: torch.Tensor) -> float:
    """The sum of weight times loss over the sum of weights; smoothing spreads over weighted classes."""
    total = weight_sum = 0.0
    for logits, label in zip(LOGITS.double(), labels.tolist(), strict=True):
        log_probs = (logits - logits.exp().sum().log()).tolist()
        total -= (1 - smoothing) * float(weights[label]) * log_probs[label]
        total -= smoothing / 3 * sum(float(w) * p for w, p in zip(weights, log_probs, strict=True))
        weight_sum += float(weights[label])
    return total / weight_sum


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["even", "weighted"])
@pytest.mark.parametrize("share", [None, 0.3])
def test_the_loss_image_by_image(smoothing, weights, share):
    batch = Batch(IMAGES, LABELS) if share is None else Batch(IMAGES, LABELS, PARTNERS, share)
    loss = batch_loss(LOGITS, batch, label_smoothing=smoothing, class_weights=weights)
    even = torch.ones(3) if weights is None else weights
    expected = by_hand(LABELS, smoothing, even)
    if share is not None:
        expected = share * expected + (1 - share) * by_hand(PARTNERS, smoothing, even)
    assert loss.item() == pytest.approx(expected, rel=1e-6)


def test_the_loss_of_a_mixed_batch_is_that_of_mixed_labels():
    """What both papers write: the cross-entropy against the mixed one-hot vectors."""
    wanted = 0.3 * torch.eye(3)[LABELS] + 0.7 * torch.eye(3)[PARTNERS]
    loss = batch_loss(LOGITS, Batch(IMAGES, LABELS, PARTNERS, 0.3))
    assert loss.item() == pytest.approx(-(wanted * LOGITS.log_softmax(1)).sum(1).mean().item(), rel=1e-6)


@pytest.mark.parametrize(("share", "correct"), [(1.0, 2), (0.6, 2), (0.5, 2), (0.4, 1), (0.0, 1)])
def test_right_is_the_label_of_the_larger_share(share, correct):
    """Largest logits: 0, 2, 0, 1. Labels 0, 1, 0, 2 have two of them right; partners 2, 0, 2, 1 one."""
    batch = Batch(IMAGES, torch.tensor([0, 1, 0, 2]), torch.tensor([2, 0, 2, 1]), share)
    assert int(count_correct(LOGITS, batch)) == correct


def uneven(*counts: int):
    labels = torch.cat([torch.full((count,), label) for label, count in enumerate(counts)])
    images = torch.zeros(len(labels), 1, 8, 8, dtype=torch.uint8)
    return make_dataset("uneven", "train", images, labels, tuple("abcdefgh"[: len(counts)]))


@pytest.mark.parametrize("counts", [(5, 5), (1, 10, 89), (7, 3, 3, 40)])
def test_weights_are_those_of_scikit_learn(counts):
    dataset = uneven(*counts)
    expected = compute_class_weight("balanced", classes=np.arange(len(counts)), y=dataset.labels.numpy())
    np.testing.assert_allclose(balanced_weights(dataset).numpy(), expected, rtol=1e-6)
    assert balanced_weights(dataset)[dataset.labels].mean().item() == pytest.approx(1.0, rel=1e-5)


@pytest.mark.parametrize("field", ["class_weights", "sampling"])
def test_a_class_without_images_cannot_be_balanced(field):
    train = tiny_config(**{f"train__{field}": "balanced"}).train
    check_balance(train, uneven(3, 1, 2))
    with pytest.raises(ConfigError) as caught:
        check_balance(train, uneven(3, 0, 2))
    assert str(caught.value) == (
        f"train.{field}: balanced needs a training image of every class; add some, or leave it out. "
        "Received: none of 'b'."
    )
    check_balance(tiny_config().train, uneven(3, 0, 2))
