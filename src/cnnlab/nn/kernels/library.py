"""C functions of this folder, compiled once on the user's machine and kept in the user's cache.

Where there is no compiler, or CNNLAB_KERNELS=off, everything is computed by torch alone: the same results to
rounding.
"""

import ctypes
import hashlib
import os
import shutil
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cnnlab import machine
from cnnlab.errors import ConfigError, MissingResourceError
from cnnlab.locks import alone_in
from cnnlab.nn.kernels.stored import is_sound, keep, own_folder

SOURCES = tuple(
    Path(__file__).with_name(name)
    for name in (
        "team.c",
        "stage.c",
        "opening.c",
        "winograd_planes.c",
        "winograd_blocks.c",
        "winograd_fitted.c",
        "windows.c",
        "lanes.c",
        "norm.c",
        "pool.c",
        "images.c",
    )
)
HEADERS = tuple(
    Path(__file__).with_name(name)
    for name in (
        "vectors.h",
        "type_ends.h",
        "norm.h",
        "product.h",
        "winograd_lines.h",
        "winograd_tiles.h",
        "winograd.h",
        "lanes.h",
        "stage.h",
        "winograd_fitted.h",
    )
)
SWITCH = "CNNLAB_KERNELS"
OFF, ON = ("off", "0", "no", "false", "none"), ("", "on", "1", "yes", "true")
COMPILERS = ("cc", "gcc", "clang")
# Square roots need not set errno; a * b + c may be rounded once, which changes last bits. No function that is
# called from outside takes a vector, so that how they are handed over is nobody's concern.
FLAGS = (
    "-O3",
    "-march=native",
    "-fno-math-errno",
    "-ffp-contract=fast",
    "-Wno-psabi",
    "-fPIC",
    "-std=c11",
    "-pthread",
)
SECONDS_TO_ASK, SECONDS_TO_COMPILE = 60, 300


@dataclass(frozen=True)
class Kernels:
    """What there is.

    Attributes:
        library: the compiled functions; None where torch computes alone.
        name: `none`, or what the functions were compiled from and by, in a few letters: part of what decides
            the bits of a run.
        why: for people: where the library lies, or why there is none.
    """

    library: ctypes.CDLL | None
    name: str
    why: str


@cache
def load_kernels() -> Kernels:
    """Return the kernels of this machine; compiles them if that has not been done.

    Raises:
        ConfigError: CNNLAB_KERNELS is neither on nor off.
    """
    switch = os.environ.get(SWITCH, "").lower()
    if switch in OFF:
        return Kernels(None, "none", f"switched off by {SWITCH}")
    if switch not in ON:
        raise ConfigError(f"{SWITCH}: must be 'on' or 'off'. Received: {os.environ[SWITCH]!r}.")
    compiler = _find_compiler()
    if compiler is None:
        return Kernels(None, "none", "no C compiler (cc, gcc or clang) on this machine")
    try:
        name = _name_of(compiler)
        path = own_folder() / f"cnnlab-{name}.so"
        if not is_sound(path):
            with alone_in(path.parent, ".compile.lock"):
                if not is_sound(path):  # another process may have been faster
                    _compile(compiler, path)
        return Kernels(ctypes.CDLL(str(path)), name, str(path))
    except subprocess.CalledProcessError as error:
        line = next(iter((error.stderr or "").splitlines()), f"exit code {error.returncode}")
        return Kernels(None, "none", f"{compiler} failed: {line}")
    except (OSError, subprocess.SubprocessError) as error:
        return Kernels(None, "none", f"not compiled: {error}")


def seconds_to_compile() -> float:
    """Return the seconds of compiling the kernels, which is done once per machine; 0 where there are none.

    Raises:
        MissingResourceError: the compiler or the disk space is gone.
    """
    if load_kernels().library is None:
        return 0.0
    start = time.perf_counter()
    try:
        with tempfile.TemporaryDirectory() as folder:
            _compile(_find_compiler() or COMPILERS[0], Path(folder) / "kernels.so")
    except (OSError, subprocess.SubprocessError) as error:
        raise MissingResourceError(f"kernels: cannot be compiled to be timed: {error}") from None
    return time.perf_counter() - start


def _find_compiler() -> str | None:
    return next((path for name in COMPILERS if (path := shutil.which(name))), None)


def _name_of(compiler: str) -> str:
    """Return a name that changes with the source, the compiler and the processor that it compiles for."""
    macros = _run([compiler, *FLAGS, "-dM", "-E", "-x", "c", os.devnull], SECONDS_TO_ASK)
    sources = (source.read_text() for source in (*SOURCES, *HEADERS))
    parts = [*sources, " ".join(FLAGS), macros, machine.cpu_name()]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def _compile(compiler: str, path: Path) -> None:
    """Compile under another name first, so that processes that begin at once do not disturb each other."""
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        made = Path(folder) / path.name

        def compile_one(source: Path) -> str:
            part = str(Path(folder) / f"{source.stem}.o")
            _run([compiler, *FLAGS, "-c", "-o", part, str(source)], SECONDS_TO_COMPILE)
            return part

        with ThreadPoolExecutor(machine.num_cores()) as pool:
            parts = list(pool.map(compile_one, SOURCES))
        _run([compiler, "-shared", "-pthread", "-o", str(made), *parts, "-lm", "-ldl"], SECONDS_TO_COMPILE)
        keep(made, path)


def _run(command: list[str], seconds: int) -> str:
    """Return what a compiler prints, in no language but its own."""
    done = subprocess.run(
        command,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=True,
        timeout=seconds,
        env={**os.environ, "LC_ALL": "C"},
    )
    return done.stdout
