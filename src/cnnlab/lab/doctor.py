"""What this machine can do, and what is missing: the findings behind `cnnlab doctor`."""

import platform
import shutil
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from cnnlab import machine
from cnnlab.data import list_datasets
from cnnlab.nn import load_kernels

TESTED_PYTHON = ((3, 11), (3, 13))
TESTED_TORCH = ((2, 11), (2, 13))
MIN_FREE_BYTES = 2e9
PACKAGES = ("numpy", "safetensors", "pillow", "scikit-learn", "pydantic", "typer", "matplotlib")


@dataclass(frozen=True)
class Finding:
    """One line of the examination.

    Attributes:
        topic: what was looked at.
        is_fine: whether cnnlab can do all it is made for.
        text: what was found, and the remedy if it is not fine.
    """

    topic: str
    is_fine: bool
    text: str


def examine(*, root: Path | None = None) -> list[Finding]:
    """Look at versions, processor, memory, disk, GPU and data; compiles the kernels if that was not done."""
    return [*_versions(), *_hardware(), *_data(root)]


def _versions() -> list[Finding]:
    findings = []
    for topic, text, tested in (
        ("python", platform.python_version(), TESTED_PYTHON),
        ("torch", str(torch.__version__), TESTED_TORCH),
    ):
        low, high = tested
        is_fine = low <= tuple(int(part) for part in text.split(".")[:2]) <= high
        span = f"{'.'.join(map(str, low))} to {'.'.join(map(str, high))}"
        findings.append(Finding(topic, is_fine, text if is_fine else f"{text}; cnnlab is tested with {span}"))
    for package in PACKAGES:
        try:
            findings.append(Finding(package, True, version(package)))
        except PackageNotFoundError:
            findings.append(Finding(package, False, f"install it: pip install {package}"))
    return findings


def _hardware() -> list[Finding]:
    kernels = load_kernels()
    if not machine.has_fast_bf16():
        bf16 = "neither AMX nor AVX512-BF16: on the CPU training takes float32, and emulates bf16"
    elif kernels.library is None:
        bf16 = "fast (AMX or AVX512-BF16): on the CPU training takes bf16"
    else:
        bf16 = "fast (AMX or AVX512-BF16); on the CPU training takes float32, which has more kernels"
    if kernels.library is None:
        passes = f"{kernels.why}: torch computes alone, which takes longer"
    else:
        of_bf16 = "; most convolutions in float32 alone" if machine.has_fast_bf16() else ""
        passes = f"compiled: {kernels.why}{of_bf16}"
    free = shutil.disk_usage(Path.cwd()).free
    disk = f"{free / 1e9:.1f} GB free here"
    has_gpu = torch.cuda.is_available()
    gpu = torch.cuda.get_device_name() if has_gpu else "none; training takes the CPU"
    return [
        Finding("processor", True, machine.cpu_name()),
        Finding("threads", True, f"{machine.default_threads()} of {machine.num_cores()} cores"),
        Finding("bf16", True, bf16),
        Finding("kernels", True, passes),
        Finding("memory", True, f"{machine.memory_bytes() / 1e9:.1f} GB"),
        Finding("disk", free > MIN_FREE_BYTES, disk if free > MIN_FREE_BYTES else f"{disk}: make room"),
        Finding("gpu", True, gpu),
    ]


def _data(root: Path | None) -> list[Finding]:
    absent = "not on this machine; downloaded when first used, or set CNNLAB_DATA_ROOT"
    return [
        Finding(f"data {listing.info.name}", listing.is_present, listing.place or absent)
        for listing in list_datasets(root=root)
    ]
