"""Mistakes and hits in the order in which they are worth a look."""

import torch

from cnnlab.explain import sure_mistakes, suspected_labels, unsure_hits

PROBS = torch.tensor([[0.9, 0.1], [0.03, 0.97], [0.4, 0.6], [0.55, 0.45], [0.04, 0.96], [0.96, 0.04]])
LABELS = torch.tensor([0, 0, 0, 0, 0, 1])


def test_sure_mistakes_first():
    mistakes = sure_mistakes(LABELS, PROBS)
    assert [answer.index for answer in mistakes] == [1, 4, 5, 2]  # 4 and 5 are as sure: in order
    first = mistakes[0]
    assert (first.true, first.predicted) == (0, 1)
    assert abs(first.prob - 0.97) < 1e-6 and abs(first.prob_of_true - 0.03) < 1e-6
    assert [answer.index for answer in sure_mistakes(LABELS, PROBS, most=2)] == [1, 4]


def test_unsure_hits_first():
    assert [answer.index for answer in unsure_hits(LABELS, PROBS)] == [3, 0]


def test_labels_that_may_be_wrong():
    assert [answer.index for answer in suspected_labels(LABELS, PROBS, sure=0.965)] == [1]


def test_nothing_to_find():
    right = PROBS.argmax(1)
    assert sure_mistakes(right, PROBS) == [] and suspected_labels(right, PROBS) == []
    assert unsure_hits(1 - right, PROBS) == []
