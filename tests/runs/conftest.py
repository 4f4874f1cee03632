"""What the tests of runs share: one thread, a small config."""

from collections.abc import Iterator

import pytest
import torch

from cnnlab.config import RunConfig


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def config() -> RunConfig:
    return RunConfig.from_dict({"recipe": "small", "model": {"name": "lenet5"}, "seed": 7}, source="test")
