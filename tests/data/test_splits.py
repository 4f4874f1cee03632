import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cnnlab.data.splits import (
    check_train_size,
    check_val_size,
    named_keys,
    seeded_keys,
    shares,
    stratified_choice,
    stratified_cut,
)
from cnnlab.errors import ConfigError, DataError

# Recorded once: another value would move images between splits of every run ever made.
KEYS = [18168879655286574764, 17319342073374955074, 3705134353500825786]
NAMED = [10804119218612100340]


def test_shares_by_largest_remainder():
    # 10 of 7 + 5 + 3: exact shares 4.67, 3.33, 2; the one left over goes to the largest remainder.
    assert shares(np.array([7, 5, 3]), 10).tolist() == [5, 3, 2]
    assert shares(np.array([1, 1, 1]), 2).tolist() == [1, 1, 0]


@given(st.lists(st.integers(0, 50), min_size=1, max_size=12).filter(sum), st.data())
def test_shares_are_exact_in_all_and_within_one_in_each(counts, data):
    size = data.draw(st.integers(0, sum(counts)))
    quotas = shares(np.array(counts), size)
    assert quotas.sum() == size
    for quota, count in zip(quotas, counts, strict=True):
        assert 0 <= quota <= count
        assert abs(quota - count * size / sum(counts)) < 1


@given(st.lists(st.integers(0, 4), min_size=2, max_size=60), st.data())
def test_a_cut_loses_nothing_and_is_stratified(labels, data):
    size = data.draw(st.integers(1, len(labels) - 1))
    tensor = torch.tensor(labels)
    rest, cut = stratified_cut(tensor, size, seeded_keys(len(labels), seed=0, purpose="test"))
    assert len(cut) == size
    assert sorted(rest.tolist() + cut.tolist()) == list(range(len(labels)))
    assert rest.tolist() == sorted(rest.tolist()) and cut.tolist() == sorted(cut.tolist())
    counts = np.bincount(labels)
    found = np.bincount(tensor[cut], minlength=len(counts))
    assert np.array_equal(found, shares(counts, size))


@given(st.lists(st.integers(0, 4), min_size=1, max_size=60), st.data())
def test_a_choice_is_exact_stratified_and_has_every_class(labels, data):
    tensor = torch.tensor(labels)
    counts = np.bincount(labels)
    size = data.draw(st.integers(np.count_nonzero(counts), len(labels)))
    keys = seeded_keys(len(labels), seed=0, purpose="test")
    chosen = stratified_choice(tensor, size, keys)
    assert chosen.tolist() == sorted(set(chosen.tolist())) and len(chosen) == size
    found, quotas = np.bincount(tensor[chosen], minlength=len(counts)), shares(counts, size)
    assert (found[counts > 0] >= 1).all()
    if (quotas[counts > 0] >= 1).all():
        assert np.array_equal(found, quotas)
        _, cut = stratified_cut(tensor, size, keys)
        assert torch.equal(cut, chosen)


def test_a_choice_takes_from_the_largest_class_for_one_that_would_have_none():
    labels = torch.tensor([0] * 96 + [1] * 2 + [2] * 2)
    chosen = stratified_choice(labels, 10, seeded_keys(100, seed=0, purpose="test"))
    assert labels[chosen].bincount().tolist() == [8, 1, 1]


def test_keys_are_the_same_for_ever():
    assert seeded_keys(3, seed=0, purpose="mnist val").tolist() == KEYS
    assert seeded_keys(5, seed=0, purpose="mnist val").tolist()[:3] == KEYS
    assert named_keys(["cat/0.png"], seed=7, purpose="val").tolist() == NAMED


def test_keys_depend_on_seed_and_purpose():
    draws = [seeded_keys(4, seed=seed, purpose=purpose) for seed in (0, 1) for purpose in ("a", "b")]
    assert len({keys.tobytes() for keys in draws}) == 4


@pytest.mark.parametrize("val_size", [-1, 0, 10, 11])
def test_val_size_must_leave_something(val_size):
    with pytest.raises(ConfigError, match=rf"data\.val_size: .* 1 to 9 .* Received: {val_size}"):
        check_val_size(val_size, 10, name="digits")


@pytest.mark.parametrize("num_train", [0, 1])
def test_too_few_images_are_no_mistake_of_val_size(num_train):
    with pytest.raises(DataError) as caught:
        check_val_size(1, num_train, name="synthetic:3x32x32x1")
    assert str(caught.value) == (
        "synthetic:3x32x32x1: has too few images: training and validation need one each, so at least 2. "
        f"Received: {num_train}. Name data with more images."
    )


@pytest.mark.parametrize("train_size", [0, 2, 7])
def test_train_size_must_be_there_and_reach_every_class(train_size):
    labels = torch.tensor([0, 0, 1, 1, 2, 2])
    with pytest.raises(ConfigError) as caught:
        check_train_size(train_size, labels, name="digits")
    assert str(caught.value) == (
        "data.train_size: digits has 6 images to train on, of 3 classes, so it must be 3 to 6. "
        f"Received: {train_size}."
    )
    check_train_size(3, labels, name="digits")
    check_train_size(6, labels, name="digits")
