"""Whether kernels for a GPU can be made here is asked of Triton, the GPU and the C compiler."""

import pytest
import torch

from cnnlab.nn import gpu


@pytest.mark.parametrize(
    ("is_installed", "has_gpu", "capability", "compiler", "can"),
    [
        (True, True, (9, 0), "cc", True),
        (True, True, (7, 0), "clang", True),
        (False, True, (9, 0), "cc", False),
        (True, False, (9, 0), "cc", False),
        (True, True, (6, 1), "cc", False),
        (True, True, (9, 0), "none", False),
    ],
)
def test_all_of_it_must_be_there(monkeypatch, is_installed, has_gpu, capability, compiler, can):
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr(gpu, "find_spec", lambda name: object() if is_installed else None)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: has_gpu)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: capability)
    monkeypatch.setattr(gpu.shutil, "which", lambda name: name if name == compiler else None)
    assert gpu.can_use_triton.__wrapped__() is can
