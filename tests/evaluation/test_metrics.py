import math

import pytest
import torch
from sklearn import metrics as reference

from cnnlab.evaluation import metrics

# Four images, three classes: right with 0.7, right with 0.5, wrong with 0.6, wrong with 0.8.
PROBS = torch.tensor([[0.7, 0.2, 0.1], [0.3, 0.5, 0.2], [0.6, 0.1, 0.3], [0.1, 0.8, 0.1]])
LABELS = torch.tensor([0, 1, 2, 2])


@pytest.fixture
def random_answers():
    generator = torch.Generator().manual_seed(1)
    labels = torch.randint(0, 8, (2_000,), generator=generator)
    logits = torch.randn(2_000, 8, generator=generator)
    logits[torch.arange(2_000), labels] += 1.0
    return logits.softmax(1), labels


def test_scores_worked_by_hand():
    assert metrics.top1(PROBS, LABELS) == 0.5
    assert metrics.top5(PROBS, LABELS) == 1.0
    assert metrics.nll(PROBS, LABELS) == pytest.approx(-math.log(0.7 * 0.5 * 0.3 * 0.1) / 4, rel=1e-6)
    confusion = metrics.confusion_matrix(PROBS, LABELS)
    assert confusion.tolist() == [[1, 0, 0], [0, 1, 0], [1, 1, 0]]  # row: true, column: predicted
    assert metrics.recall(confusion) == [1.0, 1.0, 0.0]
    assert metrics.precision(confusion) == [0.5, 0.5, None]
    assert metrics.f1(confusion) == pytest.approx([2 / 3, 2 / 3, 0.0])
    assert metrics.f1(torch.zeros(2, 2, dtype=torch.int64)) == [None, None]


def test_ece_worked_by_hand():
    # Five bins: 0.7 and 0.8 fall into (0.6, 0.8], 0.5 and 0.6 into (0.4, 0.6]; half of each pair is right.
    probs = torch.tensor([[0.7, 0.3], [0.75, 0.25], [0.5, 0.5], [0.55, 0.45]])
    labels = torch.tensor([0, 1, 0, 1])
    expected = 0.5 * abs(0.5 - 0.725) + 0.5 * abs(0.5 - 0.525)
    assert metrics.ece(probs, labels, num_bins=5) == pytest.approx(expected, abs=1e-7)


def test_a_confidence_on_an_edge_belongs_to_the_bin_below():
    probs = torch.tensor([[0.5, 0.5], [0.25, 0.75]])  # right, wrong; bins (0, 0.5] and (0.5, 1]
    assert metrics.ece(probs, torch.tensor([0, 0]), num_bins=2) == 0.5 * (1 - 0.5) + 0.5 * 0.75


def test_ece_of_certainty():
    probs = torch.eye(3)
    assert metrics.ece(probs, torch.tensor([0, 1, 2])) == 0.0
    assert metrics.ece(probs, torch.tensor([1, 2, 0])) == 1.0


def test_ece_agrees_with_a_loop_over_bins(random_answers):
    probs, labels = random_answers
    confidence, predicted = probs.double().max(1)
    total = 0.0
    for low in range(15):
        inside = (confidence > low / 15) & (confidence <= (low + 1) / 15)
        if inside.any():
            accuracy = (predicted[inside] == labels[inside]).double().mean()
            total += inside.sum().item() * abs(accuracy - confidence[inside].mean()).item()
    assert total > 0
    assert metrics.ece(probs, labels) == pytest.approx(total / len(labels), abs=1e-12)


def test_scores_agree_with_scikit_learn(random_answers):
    probs, labels = random_answers
    predicted = probs.argmax(1)
    confusion = metrics.confusion_matrix(probs, labels)
    assert metrics.top1(probs, labels) == pytest.approx(reference.accuracy_score(labels, predicted))
    expected_top5 = reference.top_k_accuracy_score(labels, probs.double(), k=5, labels=range(8))
    assert metrics.top5(probs, labels) == pytest.approx(expected_top5)
    assert 0.5 < metrics.top5(probs, labels) < 1.0
    in_double = probs.double() / probs.double().sum(1, keepdim=True)
    assert metrics.nll(probs, labels) == pytest.approx(reference.log_loss(labels, in_double), rel=1e-6)
    assert confusion.tolist() == reference.confusion_matrix(labels, predicted).tolist()
    recall = reference.recall_score(labels, predicted, average=None)
    precision = reference.precision_score(labels, predicted, average=None)
    assert metrics.recall(confusion) == pytest.approx(list(recall))
    assert metrics.precision(confusion) == pytest.approx(list(precision))


def test_among_equals_the_first_class_counts():
    probs = torch.full((100, 100), 1 / 100)
    assert metrics.top1(probs, torch.arange(100)) == 1 / 100
    assert metrics.top5(probs, torch.arange(100)) == 5 / 100
    assert metrics.top5(probs[:5], torch.arange(5)) == 1.0


def test_a_class_without_images_has_no_recall():
    confusion = metrics.confusion_matrix(PROBS, torch.tensor([0, 0, 1, 1]))
    assert metrics.recall(confusion) == [0.5, 0.5, None]


def test_loss_of_an_impossible_label_is_finite():
    assert metrics.nll(torch.tensor([[1.0, 0.0]]), torch.tensor([1])) == pytest.approx(87.34, abs=0.01)


def test_most_confused_pairs_in_order():
    confusion = torch.tensor([[50, 2, 0], [5, 40, 2], [0, 9, 30]])
    assert metrics.most_confused(confusion) == [(2, 1, 9), (1, 0, 5), (0, 1, 2), (1, 2, 2)]
    assert metrics.most_confused(confusion, most=1) == [(2, 1, 9)]
    assert metrics.most_confused(torch.eye(3, dtype=torch.int64)) == []


def test_f1_agrees_with_scikit_learn(random_answers):
    probs, labels = random_answers
    found = metrics.f1(metrics.confusion_matrix(probs, labels))
    expected = reference.f1_score(labels.numpy(), probs.argmax(1).numpy(), average=None)
    assert found == pytest.approx(list(expected), abs=1e-12)
