"""Memory of training, of a process of its own."""

import pytest

from cnnlab import lab
from cnnlab.errors import ConfigError
from cnnlab.lab.bench_memory import memory_of_training
from cnnlab.lab.resolve import resolve


@pytest.mark.slow
def test_each_is_held_by_a_process_that_has_done_nothing_else():
    much, little = (
        lab.bench_training(
            ["convnet_mnist"],
            rounds=2,
            steps=1,
            memory=True,
            data="synthetic:1x28x28x4000",
            batch_size=batch_size,
        )[0][0]
        for batch_size in (600, 16)
    )
    assert 50e6 < little.memory_bytes < much.memory_bytes - 30e6
    assert little.process_peak_bytes >= much.process_peak_bytes  # this process goes on holding it


def test_a_process_that_fails_is_told_with_its_reason():
    config = resolve("lenet5", data="synthetic:1x28x28x400", changes={"data.augment.pca": 0.1})
    with pytest.raises(ConfigError, match=r"^--memory: some: its process ended with exit code 2: .*pca"):
        memory_of_training("some", config)
