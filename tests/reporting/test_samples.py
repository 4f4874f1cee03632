import torch

from cnnlab.reporting import samples as module
from cnnlab.reporting.samples import choose_samples

# Eight images, two classes: 0, 2, 5 and 6 are right, 1, 3, 4 and 7 are not, most confidently 4, then 1 and 7.
LABELS = torch.tensor([0, 0, 0, 1, 1, 1, 1, 0])
PROBS = torch.tensor(
    [[0.6, 0.4], [0.2, 0.8], [0.7, 0.3], [0.55, 0.45], [0.9, 0.1], [0.3, 0.7], [0.1, 0.9], [0.2, 0.8]]
)


def test_the_rule_worked_by_hand():
    samples = choose_samples(LABELS, PROBS)
    assert samples.right == (0, 5, 2, 6)  # first of class 0, first of class 1, second of each
    assert samples.wrong == (4, 1, 7, 3)  # by confidence, the earlier image first among equals
    assert (samples.num_wrong, samples.num_images) == (4, 8)


def test_no_more_than_fit(monkeypatch):
    monkeypatch.setattr(module, "MAX_RIGHT", 3)
    monkeypatch.setattr(module, "MAX_WRONG", 1)
    samples = choose_samples(LABELS, PROBS)
    assert samples.right == (0, 5, 2)
    assert samples.wrong == (4,)
    assert samples.num_wrong == 4


def test_a_class_that_is_never_right_gives_its_place_to_others():
    samples = choose_samples(torch.zeros(5, dtype=torch.int64), torch.tensor([[0.9, 0.1]]).repeat(5, 1))
    assert samples.right == (0, 1, 2, 3, 4)
    assert samples.wrong == ()
