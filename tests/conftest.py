"""What all tests share: where real data lies, and a cache of their own."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets: CNNLAB_TEST_DATA, else ../shared/data beside the repository."""
    given = os.environ.get("CNNLAB_TEST_DATA")
    folder = Path(given) if given else Path(__file__).resolve().parents[2] / "shared" / "data"
    if not (folder / "MNIST" / "raw").is_dir():
        pytest.skip("needs MNIST in ../shared/data, or CNNLAB_TEST_DATA set to a folder that has MNIST/raw")
    return folder


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh cache, and no data root from outside: a test neither reads nor leaves anything at home."""
    cache = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("CNNLAB_CACHE", str(cache))
    monkeypatch.delenv("CNNLAB_DATA_ROOT", raising=False)
    return cache
