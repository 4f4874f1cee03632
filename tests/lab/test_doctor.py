"""What `doctor` says of this machine's arithmetic."""

import ctypes

import pytest

from cnnlab import machine
from cnnlab.lab.doctor import examine
from cnnlab.nn.kernels.library import Kernels


@pytest.mark.parametrize(
    ("flags", "has_kernels", "says"),
    [
        (
            {"avx512_bf16"},
            True,
            "fast (AMX or AVX512-BF16); on the CPU training takes float32, which has more kernels",
        ),
        ({"amx_bf16"}, False, "fast (AMX or AVX512-BF16): on the CPU training takes bf16"),
        ({"avx2"}, True, "neither AMX nor AVX512-BF16: on the CPU training takes float32, and emulates bf16"),
        (
            {"avx2"},
            False,
            "neither AMX nor AVX512-BF16: on the CPU training takes float32, and emulates bf16",
        ),
    ],
)
def test_which_precision_training_takes(monkeypatch, flags, has_kernels, says):
    kernels = (
        Kernels(ctypes.CDLL(None), "some", "x.so") if has_kernels else Kernels(None, "none", "switched off")
    )
    monkeypatch.setattr("cnnlab.lab.doctor.load_kernels", lambda: kernels)
    monkeypatch.setattr(machine, "cpu_flags", lambda: frozenset(flags))
    assert {finding.topic: finding.text for finding in examine()}["bf16"] == says
