"""The order of images and all random draws, as functions of (seed, epoch, step) with no hidden state."""

import hashlib

import torch
from torch import Tensor


def counter_generator(seed: int, purpose: str, *counters: int) -> torch.Generator:
    """Return a CPU generator that depends on its arguments alone.

    Any draw of a run can so be rebuilt without replaying the draws before it: this is what makes resume
    exact.

    Different arguments give unrelated streams, but not surely different ones: torch takes a seed of 64 bits,
    of which its CPU generator (mt19937) uses the low 32. Two places of a run share all their draws with
    probability 2^-32; among 100,000 places about one such pair is expected. Nothing here relies on there
    being none.

    Args:
        seed: the run's seed.
        purpose: what the numbers are for, such as `"augment"`.
        counters: where in the run they are drawn, such as epoch and step.
    """
    digest = hashlib.sha256(repr((seed, purpose, counters)).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "little") >> 1)


def epoch_order(num_images: int, *, seed: int, epoch: int) -> Tensor:
    """Return the order in which one epoch visits the images: a permutation of 0..num_images-1, int64."""
    return torch.randperm(num_images, generator=counter_generator(seed, "order", epoch))


def balanced_order(labels: Tensor, num_classes: int, *, seed: int, epoch: int) -> Tensor:
    """Return the order of an epoch that shows every class equally often and is as long as any other epoch.

    Each class has a sequence of its own, permutation after permutation of its images, on which each epoch
    goes on where the one before ended: of a large class, too, no image comes again before all others came.
    Where the classes do not divide the images, they take turns, over the epochs, at having one more.

    Args:
        labels: N, int64, on the CPU; every class has an image.
        num_classes: how many classes there are.
        seed: the run's seed.
        epoch: which epoch, from 0.

    Returns:
        N indices of images, int64.
    """
    num_images = len(labels)
    slots = torch.arange(epoch * num_images, (epoch + 1) * num_images)  # counted over all epochs
    classes, places = slots % num_classes, slots // num_classes
    order = torch.empty_like(slots)
    for label in range(num_classes):
        members = (labels == label).nonzero().flatten()
        wanted = places[classes == label]
        first, last = (int(place) // len(members) for place in wanted[[0, -1]])
        sequence = torch.cat(
            [
                members[
                    torch.randperm(len(members), generator=counter_generator(seed, "class", label, pass_))
                ]
                for pass_ in range(first, last + 1)
            ]
        )
        order[classes == label] = sequence[wanted - first * len(members)]
    return order[epoch_order(num_images, seed=seed, epoch=epoch)]
