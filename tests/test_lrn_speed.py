"""`make bench-lrn` measures both ways there and back, and a copy."""

import json
import subprocess
import sys

import torch

from test_readme import ROOT


def run_script(*options: str) -> subprocess.CompletedProcess[str]:
    shape = ["--shape", "2", "8", "6", "6", "--rounds", "3"]
    command = [sys.executable, "scripts/lrn_speed.py", *shape, *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def test_it_tells_ratio_and_share():
    found = json.loads(run_script().stdout)
    assert (found["shape"], found["dtype"], found["rounds"]) == ([2, 8, 6, 6], "float32", 3)
    assert found["ours_ms"] > 0 and found["pytorch_ms"] > 0 and found["share_of_copy_rate"] > 0
    # the median of ratios is not far from the ratio of medians, and is no ratio of other things
    assert 0.1 < found["times"] / (found["pytorch_ms"] / found["ours_ms"]) < 10


def test_pytorch_has_no_bf16_on_a_cpu():
    done = run_script("--dtype", "bfloat16")
    if torch.cuda.is_available():
        assert json.loads(done.stdout)["dtype"] == "bfloat16"
    else:
        assert done.returncode == 2 and "PyTorch normalises on a CPU in float32 alone" in done.stderr


def test_numbers_that_cannot_be():
    done = run_script("--rounds", "0")
    assert done.returncode == 2 and "must be at least 1. Received: 0." in done.stderr
