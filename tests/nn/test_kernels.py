"""Kernels: compiled once, found again, and done without where that is not possible."""

import os
import platform
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from torch import nn

from cnnlab.errors import ConfigError
from cnnlab.lab.doctor import examine
from cnnlab.models import create_model, model_info
from cnnlab.nn import load_kernels
from cnnlab.nn.kernels import Stage, library, parallel, run_stage, stored, winograd_conv


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


@pytest.fixture
def linked(fresh, monkeypatch):
    """A file with a line each time kernels are compiled, by a compiler that leaves out what takes long."""
    quick, log = fresh / "bin" / "cc", fresh / "linked"
    quick.parent.mkdir()
    linking = f'case "$*" in *-shared*) echo >>"{log}";; esac'
    quick.write_text(f'#!/bin/sh\n{linking}\nexec {shutil.which("cc")} "$@" -O0\n')
    quick.chmod(0o755)
    monkeypatch.setenv("PATH", f"{quick.parent}{os.pathsep}{os.environ['PATH']}")
    return log


@needs_compiler
def test_compiled_once_and_found_again(fresh, linked):
    first = load_kernels()
    path = Path(first.why)
    assert path.parent == fresh / "cache" / "kernels" and first.name in path.name
    assert sorted(path.parent.glob("[!.]*")) == [path.with_suffix(".sha256"), path]
    load_kernels.cache_clear()
    assert load_kernels().name == first.name and linked.read_text() == "\n"


@needs_compiler
def test_of_processes_that_begin_at_once_one_compiles(fresh, linked):
    code = "from cnnlab.nn import load_kernels; print(load_kernels().why)"
    with ThreadPoolExecutor(3) as pool:
        runs = pool.map(
            lambda _: subprocess.run([sys.executable, "-c", code], capture_output=True, text=True), range(3)
        )
    (why,) = {run.stdout.strip() for run in runs}
    assert Path(why).parent == fresh / "cache" / "kernels" and linked.read_text() == "\n"


@needs_compiler
def test_compiling_is_timed_in_a_folder_that_is_gone_afterwards(monkeypatch):
    compiled = []

    def compile_slowly(compiler, path):
        assert path.parent.is_dir() and path.parent != Path(load_kernels().why).parent
        compiled.append((compiler, path))
        time.sleep(0.02)

    monkeypatch.setattr(library, "_compile", compile_slowly)
    assert 0.02 <= library.seconds_to_compile() < 10
    ((compiler, path),) = compiled
    assert Path(compiler).exists() and not path.parent.exists()


def test_where_there_are_no_kernels_compiling_takes_no_time(fresh, monkeypatch):
    monkeypatch.setenv("CNNLAB_KERNELS", "off")
    assert library.seconds_to_compile() == 0


@needs_compiler
def test_the_name_changes_with_what_the_bits_depend_on(monkeypatch, tmp_path):
    before = library._name_of(str(library.shutil.which("cc") or library.shutil.which("gcc")))
    compiler_that(tmp_path, monkeypatch, "echo another compiler")
    assert library._name_of(str(tmp_path / "cc")) != before
    monkeypatch.setattr(library.machine, "cpu_name", lambda: "another processor")
    again = library._name_of(str(tmp_path / "cc"))
    monkeypatch.setattr(library, "SOURCES", (tmp_path / "cc",))
    assert library._name_of(str(tmp_path / "cc")) != again


@pytest.mark.parametrize(
    ("script", "why"),
    [
        (None, "no C compiler (cc, gcc or clang) on this machine"),
        (
            'case "$*" in *-dM*) exit 0;; esac; echo "stage.c: bad luck" >&2; exit 1',
            "failed: stage.c: bad luck",
        ),
        ("exit 3", "failed: exit code 3"),
        (
            'case "$*" in *-dM*) exit 0;; esac; while [ "$1" != -o ]; do shift; done; echo no > "$2"',
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
    found = {finding.topic: finding.text for finding in examine()}
    assert why in found["kernels"] and "torch computes alone" in found["kernels"]


@pytest.mark.parametrize("name", ["convnet_cifar10", "lenet5", "preact_resnet20", "resnet20"])
def test_ten_steps_with_kernels_and_without_learn_the_same(kernels, monkeypatch, request, name):
    request.addfinalizer(load_kernels.cache_clear)
    info = model_info(name)
    images = torch.randn(16, info.in_channels, info.image_size, info.image_size)
    images, labels = images.contiguous(memory_format=torch.channels_last), torch.arange(16) % 10
    losses = []
    for is_on in (True, False):
        if not is_on:
            load_kernels.cache_clear()
            monkeypatch.setenv("CNNLAB_KERNELS", "off")
        assert (load_kernels().library is not None) is is_on
        torch.manual_seed(0)
        network = create_model(name).to(memory_format=torch.channels_last).train()
        learned = [parameter for parameter in network.parameters() if parameter.requires_grad]
        optimizer = torch.optim.SGD(learned, lr=0.01)
        losses.append([])
        for _ in range(10):
            loss = nn.functional.cross_entropy(network(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses[-1].append(loss.item())
    assert losses[0] == pytest.approx(losses[1], rel=0.02)
    assert losses[0][-1] < losses[0][0]


def test_a_cache_that_cannot_be_written(fresh, monkeypatch):
    (fresh / "cache").write_text("a file")
    kernels = load_kernels()
    assert kernels.library is None and "\n" not in kernels.why


@pytest.mark.parametrize("value", ["off", "OFF", "0", "no", "False", "none"])
def test_switched_off(fresh, monkeypatch, value):
    monkeypatch.setenv("CNNLAB_KERNELS", value)
    assert load_kernels().why == "switched off by CNNLAB_KERNELS"


def test_another_switch_is_refused(fresh, monkeypatch):
    monkeypatch.setenv("CNNLAB_KERNELS", "offf")
    with pytest.raises(ConfigError, match=r"^CNNLAB_KERNELS: must be 'on' or 'off'\. Received: 'offf'\.$"):
        load_kernels()


@pytest.fixture
def quick_compiler(own_cache, monkeypatch, tmp_path):
    """An empty cache, and a compiler that hands out what other tests use; it notes what it made."""
    made, noted = Path(load_kernels().why), []
    monkeypatch.setenv("CNNLAB_CACHE", str(tmp_path / "cache"))
    load_kernels.cache_clear()

    def compile_again(compiler, path):
        noted.append(path)
        copy = path.with_suffix(".new")
        copy.write_bytes(made.read_bytes())
        stored.keep(copy, path)

    monkeypatch.setattr(library, "_compile", compile_again)
    yield noted
    load_kernels.cache_clear()


@needs_compiler
def test_a_damaged_library_is_compiled_anew(quick_compiler):
    path = Path(load_kernels().why)
    whole, with_sum = path.read_bytes(), path.with_suffix(".sha256")
    half = len(whole) // 2
    for number, harm in enumerate(("nothing", "sum gone", "sum of another", b"", whole[:half] + bytes(half))):
        if harm == "sum gone":
            with_sum.unlink()
        elif harm == "sum of another":
            with_sum.write_text("0" * 64)
        elif isinstance(harm, bytes):
            path.unlink()  # in use by this process
            path.write_bytes(harm)
        load_kernels.cache_clear()
        kernels = load_kernels()
        assert kernels.library is not None and kernels.why == str(path)
        assert len(quick_compiler) == 1 + number, harm
        assert path.read_bytes() == whole and len(with_sum.read_text()) == 64


@needs_compiler
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("of_another", ["file", "folder"])
def test_what_belongs_to_somebody_else_is_not_loaded(quick_compiler, tmp_path, monkeypatch, of_another):
    monkeypatch.setattr(library.machine, "users_cache_folder", lambda: tmp_path / "own")
    path = Path(load_kernels().why)
    os.chown(path if of_another == "file" else path.parent, 65534, 65534)
    load_kernels.cache_clear()
    again = Path(load_kernels().why)
    assert len(quick_compiler) == 2
    assert again.stat().st_uid == again.parent.stat().st_uid == 0
    assert again.parent == (path.parent if of_another == "file" else tmp_path / "own" / "kernels")


@needs_compiler
@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="no modes of files")
def test_nobody_else_can_write_to_what_is_loaded(quick_compiler, tmp_path):
    folder = tmp_path / "cache" / "kernels"
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    path = Path(load_kernels().why)
    assert path.parent == folder and not folder.stat().st_mode & 0o022 and not path.stat().st_mode & 0o022


@needs_compiler
@pytest.mark.parametrize("borrows", [True, False])
@pytest.mark.parametrize("num_images", [1, 2, 7])
def test_threads_divide_the_images_and_change_nothing(borrows, num_images, monkeypatch):
    if borrows and not parallel.has_torch_threads():
        pytest.skip("torch computes without GNU OpenMP here: kernels have threads of their own")
    monkeypatch.setattr(parallel, "has_torch_threads", lambda: borrows)
    images = torch.rand(num_images, 32, 8, 8, generator=torch.Generator().manual_seed(0))
    images = images.contiguous(memory_format=torch.channels_last)
    weight = torch.rand(32, 32, 3, 3, generator=torch.Generator().manual_seed(1))

    def computed(threads):
        torch.set_num_threads(threads)
        maps, kernels = images.clone().requires_grad_(), weight.clone().requires_grad_()
        pooled = run_stage(winograd_conv(maps, kernels, None), Stage((5, 1e-4, 2.0)), None)
        return pooled.detach(), *torch.autograd.grad(pooled.square().sum(), (maps, kernels))

    before = torch.get_num_threads()
    try:
        alone, together = computed(1), computed(3)
    finally:
        torch.set_num_threads(before)
    for one, three in zip(alone, together, strict=True):
        torch.testing.assert_close(three, one)


@needs_compiler
@pytest.mark.skipif(
    platform.system() != "Linux" or not torch.backends.openmp.is_available(), reason="no OpenMP"
)
def test_torch_and_the_kernels_share_their_threads_on_linux():
    assert parallel.has_torch_threads()
