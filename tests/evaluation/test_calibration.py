"""Confidence against accuracy, and the temperature that brings them together."""

import pytest
import torch
from sklearn.calibration import calibration_curve

from cnnlab.evaluation import metrics
from cnnlab.evaluation.calibration import at_temperature, fit_temperature, reliability


def logits_and_labels(num=4000, classes=5, *, sharpen=1.0, seed=0):
    """Return logits, made surer by a factor, and labels drawn from what they say without it."""
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(num, classes, generator=generator)
    labels = torch.multinomial(logits.softmax(1), 1, generator=generator)[:, 0]
    return sharpen * logits, labels


def confident_and_right(probs, labels):
    return probs.amax(1), metrics.is_correct(probs, labels)


def test_bins_by_hand():
    probs = torch.tensor([[0.95, 0.05], [0.85, 0.15], [0.9, 0.1], [0.45, 0.55], [0.0, 1.0]])
    bins = reliability(*confident_and_right(probs, torch.tensor([0, 1, 0, 1, 1])), num_bins=5)
    assert [part.num_images for part in bins] == [0, 0, 1, 0, 4]
    assert (bins[2].low, bins[2].high) == (0.4, 0.6)
    assert bins[2].confidence == pytest.approx(0.55) and bins[2].accuracy == 1.0
    assert bins[4].confidence == pytest.approx((0.95 + 0.85 + 0.9 + 1.0) / 4) and bins[4].accuracy == 0.75
    assert bins[0].confidence is None and bins[0].accuracy is None


def test_bins_add_up_to_the_calibration_error():
    logits, labels = logits_and_labels(sharpen=3.0)
    probs = logits.softmax(1)
    bins = reliability(*confident_and_right(probs, labels))
    gaps = [
        part.num_images * abs(part.accuracy - part.confidence)
        for part in bins
        if part.accuracy is not None and part.confidence is not None
    ]
    assert sum(gaps) / len(labels) == pytest.approx(metrics.ece(probs, labels), abs=1e-9)


def test_bins_are_those_of_scikit_learn():
    logits, labels = logits_and_labels(classes=2)
    probs = logits.softmax(1)
    right = metrics.is_correct(probs, labels).numpy()
    accuracy, confidence = calibration_curve(right, probs.amax(1).numpy(), n_bins=10)
    ours = [part for part in reliability(*confident_and_right(probs, labels), num_bins=10) if part.num_images]
    assert [part.accuracy for part in ours] == pytest.approx(list(accuracy), abs=1e-6)
    assert [part.confidence for part in ours] == pytest.approx(list(confidence), abs=1e-6)


@pytest.mark.parametrize("sharpen", [0.5, 1.0, 3.0])
def test_the_temperature_undoes_what_made_a_network_too_sure(sharpen):
    logits, labels = logits_and_labels(sharpen=sharpen)
    probs = logits.softmax(1)
    temperature = fit_temperature(probs, labels)
    assert temperature == pytest.approx(sharpen, rel=0.06)
    mended = at_temperature(probs, temperature)
    assert torch.equal(mended.argmax(1), probs.argmax(1))
    assert metrics.nll(mended, labels) <= metrics.nll(probs, labels) + 1e-9
    assert metrics.ece(mended, labels) < 0.03


def test_at_temperature_by_hand():
    probs = torch.tensor([[0.8, 0.2]])
    torch.testing.assert_close(at_temperature(probs, 2.0), torch.tensor([[2.0, 1.0]]) / 3)
    torch.testing.assert_close(at_temperature(probs, 1.0), probs)


def test_probabilities_that_were_rounded_to_nothing():
    probs = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    temperature = fit_temperature(probs, torch.tensor([0, 1, 1]))
    assert temperature > 1 and at_temperature(probs, temperature).isfinite().all()
