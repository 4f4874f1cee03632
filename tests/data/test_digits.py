import hashlib

import pytest
import torch
from sklearn.datasets import load_digits

from cnnlab.data import load_data
from cnnlab.data.sources import digits
from cnnlab.errors import MissingResourceError


def test_they_are_scikit_learns_digits():
    reference = load_digits()
    wanted = torch.from_numpy(reference.images).mul(255 / 16).round().to(torch.uint8)
    parts = [digits.read_digits(part) for part in ("train", "test")]
    images = torch.cat([images for images, _labels in parts])[:, 0]
    labels = torch.cat([labels for _images, labels in parts])
    found = sorted((image.numpy().tobytes(), int(label)) for image, label in zip(images, labels, strict=True))
    pairs = zip(wanted, reference.target, strict=True)
    assert found == sorted((image.numpy().tobytes(), int(label)) for image, label in pairs)


def test_splits_are_stratified_and_of_the_documented_sizes():
    sets = load_data("digits")
    assert {split: len(dataset) for split, dataset in sets.items()} == {
        "train": 1257,
        "val": 180,
        "test": 360,
    }
    for dataset in sets.values():
        counts = torch.bincount(dataset.labels)
        assert (counts - len(dataset) / 10).abs().max() <= 5
        assert dataset.images.shape[1:] == (1, 8, 8) and dataset.is_digits
        assert dataset.class_names == tuple("0123456789")


def test_the_test_part_is_fixed_for_ever():
    images, labels = digits.read_digits("test")
    digest = hashlib.sha256(images.numpy().tobytes() + labels.numpy().tobytes()).hexdigest()
    assert digest == "7e339c19cc01788887982b1ac71b91f6b311fe3510d5fe295ce7fc3717ab92e7"
    for seed in (0, 1):
        test = load_data("digits", splits=["test"], split_seed=seed)["test"]
        assert torch.equal(test.images, images)


def test_the_seed_moves_the_cut_between_train_and_val():
    first, second = (load_data("digits", splits=["val"], split_seed=seed)["val"] for seed in (0, 1))
    assert len(first) == len(second) and first.fingerprint != second.fingerprint


def test_enlarged_on_request():
    dataset = load_data("digits", splits=["val"], image_size=28, channels=3)["val"]
    assert dataset.images.shape == (180, 3, 28, 28)


def test_without_scikit_learn_it_says_so(monkeypatch):
    monkeypatch.setattr(digits, "find_spec", lambda name: None)
    with pytest.raises(MissingResourceError, match="scikit-learn"):
        digits.read_digits("train")
