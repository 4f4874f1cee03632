import platform
import subprocess
import sys
from pathlib import Path

import pytest

from cnnlab import machine

AMX = "flags\t\t: fpu sse2 avx512f amx_bf16 amx_tile"
TWO_CORES_FOUR_THREADS = {"0": "0,2", "1": "1,3", "2": "0,2", "3": "1,3"}


@pytest.fixture
def system(monkeypatch):
    """Files of an invented machine: path to content; everything else is missing."""
    files: dict[str, str] = {}
    monkeypatch.setattr(machine, "_read", lambda path: files.get(path, ""))
    for remembered in (machine.cpu_flags, machine.cpu_name):
        remembered.cache_clear()
    yield files
    for remembered in (machine.cpu_flags, machine.cpu_name):
        remembered.cache_clear()


def allow_cpus(monkeypatch, *numbers: int) -> None:
    monkeypatch.setattr(machine.os, "sched_getaffinity", lambda process: set(numbers), raising=False)


def add_siblings(system: dict[str, str], siblings: dict[str, str]) -> None:
    for cpu, names in siblings.items():
        system[f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list"] = names


def test_two_threads_of_a_core_count_once(system, monkeypatch):
    add_siblings(system, TWO_CORES_FOUR_THREADS)
    allow_cpus(monkeypatch, 0, 1, 2, 3)
    assert machine.num_cores() == 2
    allow_cpus(monkeypatch, 0, 2)
    assert machine.num_cores() == 1


def test_processors_count_where_the_system_says_nothing_of_siblings(system, monkeypatch):
    allow_cpus(monkeypatch, 0, 1, 2)
    assert machine.num_cores() == 3


def test_without_affinity_all_processors_count(system, monkeypatch):
    monkeypatch.delattr(machine.os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(machine.os, "cpu_count", lambda: 5)
    assert machine.num_cores() == 5
    monkeypatch.setattr(machine.os, "cpu_count", lambda: None)
    assert machine.num_cores() == 1


@pytest.mark.parametrize(
    ("quota", "cores"),
    [
        ("max 100000", 8),
        ("200000 100000\n", 2),
        ("250000 100000", 2),
        ("50000 100000", 1),
        ("9900000 100000", 8),
        ("", 8),
        ("nonsense", 8),
    ],
)
def test_a_containers_quota_counts(system, monkeypatch, quota, cores):
    allow_cpus(monkeypatch, *range(8))
    system["/sys/fs/cgroup/cpu.max"] = quota
    assert machine.num_cores() == cores


@pytest.mark.parametrize(
    ("groups", "files", "cores"),
    [
        ("0::/a.slice/b.scope", {"/sys/fs/cgroup/a.slice/cpu.max": "100000 100000"}, 1),
        (
            "0::/a/b",
            {"/sys/fs/cgroup/a/cpu.max": "300000 100000", "/sys/fs/cgroup/a/b/cpu.max": "max 100000"},
            3,
        ),
        ("4:memory:/x\n1:cpu,cpuacct:/x", {"/sys/fs/cgroup/cpu/x/cpu.cfs_": ("200000", "100000")}, 2),
        ("1:cpu:/x", {"/sys/fs/cgroup/cpu/x/cpu.cfs_": ("-1", "100000")}, 8),
        ("1:cpuset:/x", {"/sys/fs/cgroup/cpu/x/cpu.cfs_": ("100000", "100000")}, 8),
    ],
)
def test_quotas_of_the_groups_around_count(system, monkeypatch, groups, files, cores):
    allow_cpus(monkeypatch, *range(8))
    system["/proc/self/cgroup"] = groups
    for path, content in files.items():
        if isinstance(content, tuple):
            system[f"{path}quota_us"], system[f"{path}period_us"] = content
        else:
            system[path] = content
    assert machine.num_cores() == cores


def test_threads_are_bounded(system, monkeypatch):
    allow_cpus(monkeypatch, *range(64))
    assert machine.default_threads() == machine.MAX_THREADS
    allow_cpus(monkeypatch, 0)
    assert machine.default_threads() == 1


@pytest.mark.parametrize(
    ("flags", "fast"),
    [
        (AMX, True),
        ("flags\t: avx512_bf16", True),
        ("flags\t: avx2 avx512f avx512bw", False),
        ("flags\t: amx_tile amx_int8", False),
        ("", False),
    ],
)
def test_fast_bf16_asks_the_processor(system, flags, fast):
    system["/proc/cpuinfo"] = f"processor\t: 0\n{flags}\nprocessor\t: 1\n"
    assert machine.has_fast_bf16() is fast


def test_the_processors_name(system):
    system["/proc/cpuinfo"] = "processor\t: 0\nmodel name\t: A: fast one\n"
    assert machine.cpu_name() == "A: fast one"


def test_a_machine_that_tells_nothing(system, monkeypatch):
    assert machine.cpu_flags() == frozenset()
    assert machine.cpu_name()  # whatever Python knows
    monkeypatch.setattr(machine, "resource", None)
    assert machine.peak_memory_bytes() == 0
    monkeypatch.delattr(machine.os, "sysconf", raising=False)
    assert machine.memory_bytes() == 0


def test_this_machine():
    assert 1 <= machine.default_threads() <= machine.num_cores() <= 4096
    assert machine.peak_memory_bytes() > 10_000_000  # a Python with pytest, in bytes
    assert machine.memory_bytes() == 0 or machine.memory_bytes() > machine.peak_memory_bytes()


def test_peak_memory_is_not_that_of_who_started_it():
    held = bytearray(300_000_000)  # more than a Python without torch
    code = "from cnnlab import machine; print(machine.peak_memory_bytes())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 5_000_000 < int(done.stdout) < len(held)


def test_peak_memory_is_in_bytes_on_every_system(system, monkeypatch):
    class Usage:
        ru_maxrss = 1000

    if machine.resource is None:
        pytest.skip("this system does not tell the memory held")
    monkeypatch.setattr(machine.resource, "getrusage", lambda who: Usage)
    monkeypatch.setattr(machine.sys, "platform", "linux")
    assert machine.peak_memory_bytes() == 1_024_000
    monkeypatch.setattr(machine.sys, "platform", "darwin")
    assert machine.peak_memory_bytes() == 1000
    system["/proc/self/status"] = "VmPeak:\t  900 kB\nVmHWM:\t    50 kB\nVmRSS:\t  40 kB\n"
    assert machine.peak_memory_bytes() == 51_200


def test_missing_files_read_as_nothing(tmp_path: Path):
    assert machine._read(str(tmp_path / "none")) == ""
    assert machine._read(str(tmp_path)) == ""


def test_torch_is_not_imported():
    code = "import sys, cnnlab.machine, cnnlab.errors, cnnlab.config; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


# --- memory that is used up -----------------------------------------------------------------------------

CPU = (
    "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to "
    "allocate 40000000000000 bytes. Error code 12 (Cannot allocate memory)"
)
OTHER_CPU = (
    "[enforce fail at alloc_cpu.cpp:80] data. DefaultCPUAllocator: not enough memory: you tried to allocate "
    "2000000000 bytes."
)
GPU = "CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of 15.77 GiB"


class OutOfMemoryError(RuntimeError):
    """As torch calls it."""


@pytest.mark.parametrize(
    ("error", "asked"),
    [
        (RuntimeError(CPU), "40,000.0 GB"),
        (RuntimeError(OTHER_CPU), "2.0 GB"),
        (OutOfMemoryError(GPU), "20.00 GiB"),
        (RuntimeError("Storage size calculation overflowed with sizes=[1, 2]"), ""),
        (RuntimeError("CUDA error: out of memory"), ""),
        (MemoryError(), ""),
    ],
)
def test_memory_that_is_used_up(error, asked):
    assert machine.is_out_of_memory(error)
    assert machine.memory_asked(error) == asked


@pytest.mark.parametrize(
    "error", [RuntimeError("mat1 and mat2 shapes cannot be multiplied"), ValueError(CPU), KeyboardInterrupt()]
)
def test_other_errors_are_not_about_memory(error):
    assert not machine.is_out_of_memory(error)
    assert machine.memory_asked(RuntimeError("something else")) == ""


def test_torch_says_it_as_expected():
    import torch

    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60, dtype=torch.uint8)  # more than an address has room for: nothing is taken
    assert machine.is_out_of_memory(caught.value)
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**40, 2**40)
    assert machine.is_out_of_memory(caught.value)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has mallopt")
def test_freed_memory_is_used_again():
    """Of 64 MB that are taken and freed, the system hands out the pages once, not each time."""
    code = (
        "import resource, torch; from cnnlab import machine\n"
        "def faults():\n"
        "    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "    for _ in range(5): torch.ones(1 << 24)\n"
        "    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before\n"
        "without = faults(); assert machine.keep_freed_memory(); [faults() for _ in range(3)]\n"
        "print(without, faults())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    without, kept = map(int, done.stdout.split())
    assert kept < without / 20


def test_where_there_is_no_mallopt(monkeypatch):
    machine.keep_freed_memory.cache_clear()
    monkeypatch.setattr(machine.ctypes, "CDLL", lambda name: object())
    assert not machine.keep_freed_memory()
    machine.keep_freed_memory.cache_clear()
