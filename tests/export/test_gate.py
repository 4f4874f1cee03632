import numpy as np
import pytest

from cnnlab.export.gate import compare

LOGITS = np.array([[3.0, 1.0, 0.0], [0.0, 2.0, 1.0], [1.0, 1.00005, 0.0]], dtype=np.float32)
LABELS = np.array([0, 1, 0])


def test_the_same_answers_pass():
    parity = compare(LOGITS + np.float32(5e-5), LOGITS, LABELS)
    assert not parity.problem and parity.largest_difference == pytest.approx(5e-5, rel=0.01)
    assert parity.num_images == 3 and parity.top1 == pytest.approx(2 / 3)


def test_a_difference_is_refused():
    other = LOGITS.copy()
    other[1, 2] += 2e-4
    assert (
        "differ from the network's by up to 0.0002 on 3 images; 0.0001 is allowed"
        in compare(other, LOGITS, LABELS).problem
    )


def test_what_is_no_number_is_refused():
    other = LOGITS.copy()
    other[0, 0] = np.nan
    assert "differ" in compare(other, LOGITS, LABELS).problem


def test_a_tie_may_fall_either_way_and_no_other_label():
    other = LOGITS.copy()
    other[2, 0] += np.float32(9e-5)  # now the first of two that were 0.00005 apart
    assert other[2].argmax() != LOGITS[2].argmax()
    assert not compare(other, LOGITS, LABELS).problem


def test_large_logits_are_rounded_more():
    large = LOGITS * 1000
    assert not compare(large + np.float32(5e-3), large, LABELS).problem
    assert compare(large + np.float32(7e-3), large, LABELS).problem
