"""What this machine can do: cores, fast bf16, memory. Nothing here imports torch."""

import ctypes
import os
import platform
import re
import sys
from functools import cache
from pathlib import Path

from cnnlab.errors import MissingResourceError

try:
    import resource
except ImportError:  # Windows has none; there the memory held is not known.
    resource = None

CACHE_VARIABLE = "CNNLAB_CACHE"

TENSORFLOW_VARIABLE = "CNNLAB_TENSORFLOW"
"""Names the Python of an environment with TensorFlow, should it not be that of `make golden`."""

# A batch of 128 small images does not feed more threads than this.
MAX_THREADS = 16

# Of glibc's mallopt: freed memory at the heap's end that is kept; the size from which memory is borrowed from
# the system and given back at once; and more than any batch's maps take.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, PLENTY = -1, -3, 1 << 30

# As torch says it on Linux; on Windows and macOS; on a GPU; of C++; of a size beyond all counting.
_OUT_OF_MEMORY = re.compile(
    "can't allocate memory|not enough memory|CUDA error: out of memory|bad_alloc|size calculation overflowed"
)


def num_cores() -> int:
    """Return the physical cores this process may use: by affinity, hardware threads and container quota."""
    logical = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    siblings = {
        _read(f"/sys/devices/system/cpu/cpu{n}/topology/thread_siblings_list") or str(n) for n in logical
    }
    return max(1, min(len(siblings), _quota_cores() or len(siblings)))


def default_threads() -> int:
    """Return how many threads to compute with when nobody asks for a number."""
    return min(num_cores(), MAX_THREADS)


def has_fast_bf16() -> bool:
    """Tell whether the processor has instructions for products of bf16 (AMX or AVX512-BF16).

    Without them bf16 is emulated, and slower than float32.
    """
    return bool(cpu_flags() & {"amx_bf16", "avx512_bf16"})


@cache
def cpu_flags() -> frozenset[str]:
    """Return the processor's instruction sets as Linux names them; empty on other systems."""
    for line in _read("/proc/cpuinfo").splitlines():
        if line.startswith("flags"):
            return frozenset(line.split(":", 1)[1].split())
    return frozenset()


@cache
def cpu_name() -> str:
    """Return the processor's name."""
    for line in _read("/proc/cpuinfo").splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def memory_bytes() -> int:
    """Return the memory of this machine in bytes, or 0 where the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return 0


def peak_memory_bytes() -> int:
    """Return the most memory this process has held so far in bytes, or 0 where the system does not tell."""
    # Of this program: what `resource` tells counts what its process held before it, as a copy of its parent.
    if peak := re.search(r"^VmHWM:\s+(\d+) kB$", _read("/proc/self/status"), re.MULTILINE):
        return int(peak[1]) * 1024
    if resource is None:
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def cache_folder() -> Path:
    """Return where downloads, decoded images and kernels are kept: CNNLAB_CACHE, else the user's cache."""
    given = os.environ.get(CACHE_VARIABLE)
    return Path(os.path.expanduser(given)) if given else users_cache_folder()


def users_cache_folder() -> Path:
    """Return the place for caches that the system gives each user."""
    import pooch  # only where it is needed: it costs a tenth of a second

    return Path(pooch.os_cache("cnnlab"))


def tensorflow_python() -> Path:
    """Return where the Python of the environment with TensorFlow should be; there may be none."""
    return Path(os.environ.get(TENSORFLOW_VARIABLE) or ".venv-tensorflow/bin/python")


def needed_tensorflow_python(what: str) -> Path:
    """Return the Python of the environment that has TensorFlow.

    Raises:
        MissingResourceError: there is none; `what`, an option and its value, needs it.
    """
    python = tensorflow_python()
    if not (python.is_file() and os.access(python, os.X_OK)):
        raise MissingResourceError(
            f"{what} needs TensorFlow in an environment of its own, and {python} is no program. "
            f"Make it with `make .venv-tensorflow/.installed`, or name its Python in {TENSORFLOW_VARIABLE}."
        )
    return python


@cache
def keep_freed_memory() -> bool:
    """Let this process use the memory of one training step for the next; tell whether that is possible here.

    Otherwise glibc gives maps of over 32 MB back to the system whenever they are freed, and has it hand out
    and clear the same pages again in the next step: up to a third of the time of large images.
    """
    try:
        set_option = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):  # musl, macOS, Windows
        return False
    return bool(set_option(M_MMAP_THRESHOLD, PLENTY)) and bool(set_option(M_TRIM_THRESHOLD, PLENTY))


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error says that memory is used up; torch has several, of which one is no class."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and bool(_OUT_OF_MEMORY.search(str(error)))


def memory_asked(error: BaseException) -> str:
    """Return how much memory was asked for in vain, such as `30.1 GB`; empty if the error does not say."""
    found = re.search(r"tried to allocate ([0-9.]+) ?(bytes|[KMGT]iB)", str(error), re.IGNORECASE)
    if not found:
        return ""
    number, unit = found.groups()
    return f"{int(number) / 1e9:,.1f} GB" if unit == "bytes" else f"{number} {unit}"


def _quota_cores() -> int | None:
    """Return the whole cores that quotas grant, if any: a container's, and those of the groups around it."""
    granted = []
    for line in ["0::/", *_read("/proc/self/cgroup").splitlines()]:
        _, controllers, place = line.split(":", 2)
        for group in (Path(place), *Path(place).parents):
            if controllers == "":  # version 2
                quota, _, period = _read(f"/sys/fs/cgroup{str(group).rstrip('/')}/cpu.max").partition(" ")
            elif "cpu" in controllers.split(","):
                folder = f"/sys/fs/cgroup/cpu{str(group).rstrip('/')}"
                quota = _read(f"{folder}/cpu.cfs_quota_us").strip()
                period = _read(f"{folder}/cpu.cfs_period_us")
            else:
                continue
            if quota.isdigit() and period.strip().isdigit() and int(period) > 0:
                granted.append(int(quota) // int(period))
    return max(1, min(granted)) if granted else None


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""
