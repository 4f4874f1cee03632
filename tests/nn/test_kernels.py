"""Kernels: compiled once, found again, and done without where that is not possible."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from torch import nn

from cnnlab.models import create_model
from cnnlab.nn import load_kernels
from cnnlab.nn.kernels import library


@pytest.fixture
def fresh(monkeypatch, tmp_path):
    """A cache without kernels, and none loaded."""
    monkeypatch.setenv("CNNLAB_CACHE", str(tmp_path / "cache"))
    load_kernels.cache_clear()
    yield tmp_path
    load_kernels.cache_clear()


needs_compiler = pytest.mark.usefixtures("kernels")


def compiler_that(tmp_path, monkeypatch, script):
    path = tmp_path / "cc"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    monkeypatch.setattr(library.shutil, "which", lambda name: str(path) if name == "cc" else None)


@needs_compiler
def test_compiled_once_and_found_again(fresh, monkeypatch):
    first = load_kernels()
    path = Path(first.why)
    assert path.parent == fresh / "cache" / "kernels" and first.name in path.name
    assert list(path.parent.iterdir()) == [path]
    load_kernels.cache_clear()
    monkeypatch.setattr(library, "_compile", None)
    assert load_kernels().name == first.name


@needs_compiler
def test_processes_that_begin_at_once_do_not_disturb_each_other(fresh):
    code = "from cnnlab.nn import load_kernels; print(load_kernels().why)"
    with ThreadPoolExecutor(3) as pool:
        runs = pool.map(
            lambda _: subprocess.run([sys.executable, "-c", code], capture_output=True, text=True), range(3)
        )
    (why,) = {run.stdout.strip() for run in runs}
    assert list((fresh / "cache" / "kernels").iterdir()) == [Path(why)]


@needs_compiler
def test_the_name_changes_with_what_the_bits_depend_on(monkeypatch, tmp_path):
    before = library._name_of(str(library.shutil.which("cc") or library.shutil.which("gcc")))
    compiler_that(tmp_path, monkeypatch, "echo another compiler")
    assert library._name_of(str(tmp_path / "cc")) != before
    monkeypatch.setattr(library.machine, "cpu_flags", lambda: frozenset({"sse"}))
    again = library._name_of(str(tmp_path / "cc"))
    monkeypatch.setattr(library, "SOURCES", (tmp_path / "cc",))
    assert library._name_of(str(tmp_path / "cc")) != again


@pytest.mark.parametrize(
    ("script", "why"),
    [
        (None, "no C compiler (cc, gcc or clang) on this machine"),
        ('[ "$1" = --version ] && exit 0; echo "stage.c: bad luck" >&2; exit 1', "failed: stage.c: bad luck"),
        ("exit 3", "failed: exit code 3"),
        (
            '[ "$1" = --version ] && exit 0; while [ "$1" != -o ]; do shift; done; echo no > "$2"',
            "not compiled",
        ),
    ],
)
def test_without_a_good_compiler_torch_computes_alone(fresh, monkeypatch, script, why):
    if script is None:
        monkeypatch.setattr(library.shutil, "which", lambda name: None)
    else:
        compiler_that(fresh, monkeypatch, script)
    kernels = load_kernels()
    assert (kernels.library, kernels.name) == (None, "none")
    assert why in kernels.why and "\n" not in kernels.why
    network = create_model("alexnet_mnist3").to(memory_format=torch.channels_last)
    assert isinstance(network, nn.Module)
    assert network(torch.rand(2, 1, 28, 28)).isfinite().all()


def test_a_cache_that_cannot_be_written(fresh, monkeypatch):
    (fresh / "cache").write_text("a file")
    kernels = load_kernels()
    assert kernels.library is None and "\n" not in kernels.why


@pytest.mark.parametrize("value", ["off", "OFF", "0", "no"])
def test_switched_off(fresh, monkeypatch, value):
    monkeypatch.setenv("CNNLAB_KERNELS", value)
    assert load_kernels().why == "switched off by CNNLAB_KERNELS"
