"""Parts of labelled images: stratified, of an exact size, the same on every machine for ever."""

import hashlib
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from cnnlab.errors import ConfigError, DataError


def stratified_cut(labels: Tensor, size: int, keys: np.ndarray) -> tuple[Tensor, Tensor]:
    """Split images into those that stay and those that are cut off, each class giving its share.

    Args:
        labels: N, int64.
        size: how many images to cut off; shares are rounded by largest remainder so that it is met exactly.
        keys: N, uint64; within a class the images with the smallest keys are cut off.

    Returns:
        The indices that stay and those cut off, each ascending, int64.
    """
    is_cut = _are_first(labels.numpy(), keys, shares(np.bincount(labels.numpy()), size))
    return torch.from_numpy(np.flatnonzero(~is_cut)), torch.from_numpy(np.flatnonzero(is_cut))


def stratified_choice(labels: Tensor, size: int, keys: np.ndarray) -> Tensor:
    """Choose images to learn from, each class giving its share, but one image at least.

    Args:
        labels: N, int64.
        size: how many to choose, exactly; at least as many as there are classes in `labels`.
        keys: N, uint64; within a class the images with the smallest keys are chosen.

    Returns:
        Their indices, ascending, int64.
    """
    counts = np.bincount(labels.numpy())
    quotas = shares(counts, size)
    for label in np.flatnonzero((quotas == 0) & (counts > 0)):
        quotas[quotas.argmax()] -= 1
        quotas[label] = 1
    return torch.from_numpy(np.flatnonzero(_are_first(labels.numpy(), keys, quotas)))


def _are_first(classes: np.ndarray, keys: np.ndarray, quotas: np.ndarray) -> np.ndarray:
    """Tell for each image whether its key is among the smallest of its class, as many as its quota."""
    is_first = np.zeros(len(classes), dtype=bool)
    for label, quota in enumerate(quotas):
        members = np.flatnonzero(classes == label)
        is_first[members[np.argsort(keys[members], kind="stable")[:quota]]] = True
    return is_first


def shares(counts: np.ndarray, size: int) -> np.ndarray:
    """Divide `size` among classes in proportion to their counts, by largest remainder; ties go first come."""
    exact = counts * (size / counts.sum())
    quotas = np.floor(exact).astype(np.int64)
    neediest = np.argsort(quotas - exact, kind="stable")
    quotas[neediest[: size - quotas.sum()]] += 1
    return quotas


def seeded_keys(num_images: int, *, seed: int, purpose: str) -> np.ndarray:
    """Return one uint64 per image, a function of the arguments alone.

    They are Philox's raw stream, which numpy promises never to change (its shuffles carry no such promise).
    """
    digest = hashlib.sha256(f"{purpose}:{seed}".encode()).digest()
    return np.random.Philox(key=np.frombuffer(digest[:16], dtype=np.uint64)).random_raw(num_images)


def named_keys(names: Sequence[str], *, seed: int, purpose: str) -> np.ndarray:
    """Return one uint64 per file name, so that an added file moves none of the others."""
    texts = (f"{purpose}:{seed}:{name}".encode(errors="surrogateescape") for name in names)  # UTF-8 or not
    digests = (hashlib.sha256(text).digest()[:8] for text in texts)
    return np.frombuffer(b"".join(digests), dtype=np.uint64)


def check_val_size(val_size: int, num_train: int, *, name: str) -> None:
    """Refuse a validation part that leaves no image to train on.

    Raises:
        DataError: there are not two images, so that no validation part is right.
        ConfigError: `val_size` is not between 1 and `num_train - 1`.
    """
    if num_train < 2:
        raise DataError(
            f"{name}: has too few images: training and validation need one each, so at least 2. "
            f"Received: {num_train}. Name data with more images."
        )
    if not 1 <= val_size < num_train:
        raise ConfigError(
            f"data.val_size: {name} has {num_train} images to train on, so validation may take "
            f"1 to {num_train - 1} of them. Received: {val_size}."
        )


def check_train_size(train_size: int, labels: Tensor, *, name: str) -> None:
    """Refuse to learn from more images than there are, or from fewer than there are classes.

    Raises:
        ConfigError: so it is.
    """
    num_train, num_classes = len(labels), len(labels.unique())
    if not num_classes <= train_size <= num_train:
        raise ConfigError(
            f"data.train_size: {name} has {num_train} images to train on, of {num_classes} classes, so it "
            f"must be {num_classes} to {num_train}. Received: {train_size}."
        )
