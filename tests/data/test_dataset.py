import torch

from cnnlab.data import make_dataset

IMAGES = torch.arange(2 * 3 * 4 * 4, dtype=torch.uint8).view(2, 3, 4, 4)
LABELS = torch.tensor([1, 0])


def test_what_it_says_of_itself():
    dataset = make_dataset("fake", "val", IMAGES, LABELS, ("a", "b", "c"))
    assert (len(dataset), dataset.num_classes, dataset.in_channels, dataset.image_size) == (2, 3, 3, 4)
    assert not dataset.is_digits


def test_the_fingerprint_changes_with_all_that_matters_and_nothing_else():
    def fingerprint(images=IMAGES, labels=LABELS, names=("a", "b"), split="val"):
        return make_dataset("fake", split, images, labels, names).fingerprint

    changed = IMAGES.clone()
    changed[1, 2, 3, 3] ^= 1
    others = [
        fingerprint(images=changed),
        fingerprint(images=IMAGES.view(2, 3, 2, 8)),
        fingerprint(labels=LABELS.flip(0)),
        fingerprint(names=("b", "a")),
    ]
    assert len({fingerprint(), *others}) == 5
    strided = IMAGES.to(memory_format=torch.channels_last)
    assert fingerprint(images=strided) == fingerprint() == fingerprint(split="train")
