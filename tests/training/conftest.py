"""What the tests of training share: one thread, and a tiny network that is known while a test runs."""

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
def tiny_net_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_REGISTRY", dict(registry._REGISTRY))
    register_tiny_net()
