"""What all tests share: where real data lies, a cache of their own, and no network."""

import os
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from real_data import find_real_data


@pytest.fixture(scope="session")
def shared_data() -> Callable[..., Path]:
    """A function of names of data sets: it returns the folder that has them, or skips the test."""
    return find_real_data


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where kernels lie once a test has compiled them: one folder for all workers."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    folder /= "kernels"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


@pytest.fixture(autouse=True)
def own_cache(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, compiled: Path
) -> Path:
    """A fresh cache, and no data root from outside: a test neither reads nor leaves anything at home."""
    cache = tmp_path_factory.mktemp("cache")
    (cache / "kernels").symlink_to(compiled)
    monkeypatch.setenv("CNNLAB_CACHE", str(cache))
    monkeypatch.delenv("CNNLAB_DATA_ROOT", raising=False)
    return cache


@pytest.fixture(autouse=True)
def same_numbers_every_time() -> None:
    """Let a test that draws numbers without a seed of its own draw the same ones in every run."""
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)


@pytest.fixture
def kernels() -> None:
    """Skip the test where there are no kernels."""
    from cnnlab.nn import load_kernels

    if load_kernels().library is None:
        pytest.skip(f"no kernels on this machine: {load_kernels().why}")


@pytest.fixture(autouse=True)
def no_network(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no test download, in its own process or another, unless it is marked `network`."""
    if request.node.get_closest_marker("network"):
        return
    for name in ("HTTP_PROXY", "HTTPS_PROXY"):
        for variable in (name, name.lower()):
            monkeypatch.setenv(variable, "http://127.0.0.1:9")  # the port where nobody answers
    for variable in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(variable, "127.0.0.1,localhost")


LONGEST = ("test_readme.py", "test_bench.py", "test_examples.py", "test_kernels.py", "test_draw_page.py")
"""Files with tests that take long: begun first, no worker waits at the end for another."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long; `make test` keeps this order."""
    items.sort(key=lambda item: item.path.name not in LONGEST)
