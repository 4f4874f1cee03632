"""A stranger without the data sets meets skips that say what is missing, and no download."""

import pytest

from cnnlab.data import load_data
from cnnlab.data.sources.mnist import MNIST
from cnnlab.errors import MissingResourceError
from real_data import find_real_data


@pytest.fixture
def only_mnist(tmp_path, monkeypatch):
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for file in MNIST.files:
        (raw / file.name).touch()
    monkeypatch.setenv("CNNLAB_TEST_DATA", str(tmp_path))
    return tmp_path


def test_each_data_set_is_looked_for_by_itself(only_mnist, shared_data):
    assert shared_data("mnist") == only_mnist
    for names in (["fashion-mnist"], ["mnist", "cifar10"]):
        with pytest.raises(pytest.skip.Exception):
            shared_data(*names)


def test_the_message_names_what_is_missing_and_where(only_mnist):
    (only_mnist / "MNIST" / "raw" / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(pytest.skip.Exception) as caught:
        find_real_data("mnist")
    assert str(caught.value) == (
        f"needs mnist: t10k-labels-idx1-ubyte.gz in MNIST/raw/ of CNNLAB_TEST_DATA={only_mnist}"
    )
    with pytest.raises(pytest.skip.Exception) as caught:
        find_real_data("cifar10")
    assert "test_batch.bin.gz in cifar-10-batches-bin/ or cifar-10-binary.tar.gz in cifar10/" in str(
        caught.value
    )


def test_no_test_downloads(tmp_path):
    with pytest.raises(MissingResourceError, match="no connection"):
        load_data("mnist", root=tmp_path)
