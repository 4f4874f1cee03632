"""LRN on a GPU: the reference's values and gradients, in Triton's interpreter and on a GPU."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from cnnlab.nn import local_response_norm, local_response_norm_reference
from cnnlab.nn import lrn as module

needs_triton = pytest.mark.skipif(
    find_spec("triton") is None, reason="Triton is not installed here (it comes with GPU builds of torch)"
)
CASES = [
    ((2, 96, 5, 5), 5, torch.float32),
    ((1, 7, 3, 3), 9, torch.float32),
    ((3, 64, 4, 4), 4, torch.float32),
    ((1, 1, 1, 1), 5, torch.float32),
    ((2, 130, 3, 2), 5, torch.bfloat16),
]
TOLERANCE = {torch.float32: 2e-6, torch.bfloat16: 1.6e-2}  # of values up to about 3; bf16 has 8 bits


def check(lrn, device):
    for shape, size, dtype in CASES:
        generator = torch.Generator().manual_seed(0)
        maps, grad = (torch.randn(shape, generator=generator).to(dtype) for _ in range(2))
        maps, grad = (part.contiguous(memory_format=torch.channels_last) for part in (3 * maps, grad))
        mine = maps.clone().to(device).requires_grad_()
        out = lrn(mine, size, alpha=0.02, beta=0.75, k=2.0)
        out.backward(grad.to(device))
        exact = maps.double().requires_grad_()
        expected = local_response_norm_reference(exact, size, alpha=0.02, beta=0.75, k=2.0)
        expected.backward(grad.double())
        assert out.dtype == dtype and out.is_contiguous(memory_format=torch.channels_last)
        assert mine.grad is not None and exact.grad is not None
        for found, true in ((out, expected), (mine.grad, exact.grad)):
            assert (found.detach().cpu() - true.detach()).abs().max() < TOLERANCE[dtype], (shape, size, dtype)


@needs_triton
def test_values_and_gradients_in_the_interpreter():
    code = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from cnnlab.nn.lrn_gpu import lrn_on_gpu\n"
        "from test_lrn_gpu import check\n"
        "check(lrn_on_gpu, 'cpu')"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"TRITON_INTERPRET": "1"},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert ended.returncode == 0, ended.stderr


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@needs_triton
def test_values_and_gradients_on_the_gpu(monkeypatch):
    taken = []
    goes = module._goes_by_triton
    monkeypatch.setattr(module, "_goes_by_triton", lambda maps: taken.append(goes(maps)) or taken[-1])
    check(local_response_norm, "cuda")
    assert taken == [True] * len(CASES)


def test_maps_on_the_cpu_do_not_go_there():
    assert not module._goes_by_triton(torch.zeros(1, 2, 3, 3).contiguous(memory_format=torch.channels_last))
