"""What commands hold in memory at most, each in a process of its own; `make test-slow`."""

import json
import os
import subprocess
import sys

import pytest
from PIL import Image

from cnnlab.data import load_data

pytestmark = pytest.mark.slow


def peak_of(*arguments: str, data_root: str = "") -> tuple[int, str]:
    """Run `cnnlab` and return the most bytes that it held, and what it printed."""
    script = (
        "import sys; from cnnlab import machine; from cnnlab.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit as end: assert end.code == 0, end.code\n"
        "print(machine.peak_memory_bytes(), file=sys.stderr)"
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "1"} | (
        {"CNNLAB_DATA_ROOT": data_root} if data_root else {}
    )
    command = [sys.executable, "-c", script, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return int(done.stderr.split()[-1]), done.stdout


def test_ten_thousand_pictures_take_no_more_than_a_thousand(run, tmp_path):
    images = load_data("digits", splits=["test"])["test"].images
    few, many = tmp_path / "few", tmp_path / "many"
    few.mkdir(), many.mkdir()
    for number in range(10_000):
        Image.fromarray(images[number % len(images), 0].numpy()).save(
            (few if number < 1000 else many) / f"{number:05}.png"
        )
    peaks = []
    for sources, num in (([few], 1000), ([few, many], 10_000)):
        peak, printed = peak_of("predict", str(run.path), *map(str, sources), "--csv")
        peaks.append(peak)
        assert len(printed.splitlines()) == 1 + num
    assert peaks[1] - peaks[0] < 32 * 2**20, peaks


def test_training_on_cifar10_takes_less_than_one_and_a_half_gigabytes(shared_data, tmp_path):
    root = shared_data("cifar10")
    out = ("--steps", "4", "--threads", "1", "--out", str(tmp_path))
    peak_of("train", "resnet20", *out, data_root=str(root))
    (cost,) = tmp_path.glob("*/cost.json")
    assert 1e8 < json.loads(cost.read_text())["peak_memory_bytes"] < 1.5e9
