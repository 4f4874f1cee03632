"""What the tests of training share: one thread, no waiting for the disk, and a tiny network that is known."""

import os
from collections.abc import Iterator

import pytest
import torch

from cnnlab.models import registry
from tiny_training import register_tiny_net


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    # Flushing matters when the power goes, which no test here does; it takes longer than the training.
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@pytest.fixture(autouse=True)
def no_waiting_for_git(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cnnlab.training.description.source_commit", lambda: "0" * 40)


@pytest.fixture(autouse=True)
def tiny_net_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_REGISTRY", dict(registry._REGISTRY))
    register_tiny_net()
