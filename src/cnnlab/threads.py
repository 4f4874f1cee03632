"""Torch's threads, and how they wait for each other: awake on free cores, asleep where a core is wanted.

Between two pieces of parallel work the threads of GNU OpenMP, with which torch computes on Linux, keep their
cores busy for some milliseconds, to be there at once when the next piece comes. On free cores that is worth
up to 1.7 times the speed. Where another program wants a core it makes all of it up to ten times slower. Which
of the two holds changes while a network trains, and OpenMP reads its settings but once. It does stop waiting
awake, though, where it has more threads than there are cores: so there are some that only sleep, for as long
as the others are to sleep too.
"""

import ctypes
import os
import threading
import time
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from cnnlab.errors import ConfigError
from cnnlab.values import plain, shown

MOST_THREADS = 1024
"""That can be asked for."""

SETTINGS = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
"""Environment variables by which users decide on this themselves."""

PERIOD = 0.1
"""Seconds between two looks at what else runs here."""

MOST_DELAY = 0.1
"""Seconds in a second that this process's threads may have waited for a core while cores count as free."""

FIRST_PATIENCE, MOST_PATIENCE = 1.0, 60.0
"""Seconds that cores must have been free before threads wait awake again; doubled where that did not last."""

SIZE_OF_SEMAPHORE = 64  # bytes; at least those of `sem_t` anywhere


def set_threads(count: int) -> None:
    """Let torch compute with this many threads, which wait for each other as it suits this machine."""
    import torch

    torch.set_num_threads(count)
    if count > 1 and not any(os.environ.get(name) for name in SETTINGS):
        _watch()


class Sleepers:
    """Threads of OpenMP that only sleep, and keep the others from waiting awake.

    Raises:
        OSError: this process has no GNU OpenMP.
    """

    def __init__(self) -> None:
        process = ctypes.CDLL(None)
        try:
            self._parallel, self._post = process.GOMP_parallel, process.sem_post
            self._wait = ctypes.cast(process.sem_wait, ctypes.c_void_p)
            self._prepare = process.sem_init
        except AttributeError as error:
            raise OSError(str(error)) from None
        self._semaphore = ctypes.create_string_buffer(SIZE_OF_SEMAPHORE)
        self._count = process.omp_get_num_procs() + 1  # those that OpenMP goes by, not all of the machine
        self._caller: threading.Thread | None = None

    @property
    def are_there(self) -> bool:
        """They are, so that all threads sleep while they wait."""
        return self._caller is not None

    def come(self) -> None:
        """Begin to sleep; nothing if they do.

        Raises:
            RuntimeError: so many threads more are not allowed here.
        """
        if self._caller is None:
            make_room_for(self._count)
            self._prepare(self._semaphore, 0, 0)
            arguments = (self._wait, self._semaphore, self._count, 0)
            caller = threading.Thread(
                target=self._parallel, args=arguments, name="cnnlab-sleepers", daemon=True
            )
            caller.start()
            self._caller = caller

    def go(self) -> None:
        """End; nothing if they are not there."""
        if self._caller is not None:
            for _ in range(self._count):
                self._post(self._semaphore)
            self._caller.join()
            self._caller = None


def make_room_for(count: int) -> None:
    """See that so many threads can be made: OpenMP ends the process where one cannot.

    Raises:
        RuntimeError: they cannot.
    """
    end = threading.Event()
    made: list[threading.Thread] = []
    try:
        for _ in range(count):
            made.append(threading.Thread(target=end.wait, daemon=True))
            made[-1].start()
    except RuntimeError:
        made.pop()  # never started
        raise
    finally:
        end.set()
        for thread in made:
            thread.join()


class Watch:
    """Decides from one look to the next whether threads wait asleep."""

    def __init__(self) -> None:
        self.is_calm = False
        self._patience, self._free_since, self._awake_since = FIRST_PATIENCE, 0.0, 0.0

    def look(self, delay: float, now: float) -> bool:
        """Tell whether threads are to wait asleep from now on.

        Args:
            delay: seconds in a second that threads of this process waited for a core since the last look.
            now: the time in seconds, of any clock.
        """
        if delay > MOST_DELAY:
            if not self.is_calm:
                lasted = now - self._awake_since > self._patience
                self._patience = FIRST_PATIENCE if lasted else min(2 * self._patience, MOST_PATIENCE)
            self.is_calm, self._free_since = True, now
        elif self.is_calm and now - self._free_since >= self._patience:
            self.is_calm, self._awake_since = False, now
        return self.is_calm


@cache
def _watch() -> threading.Thread | None:
    """Begin to look at what else runs here, once in a process; None where that cannot be seen or changed."""
    try:
        Path("/proc/self/schedstat").read_text()
        sleepers, delay = Sleepers(), seconds_delayed()
    except OSError:  # macOS, Windows, a kernel without this account
        return None
    thread = threading.Thread(target=_go_on, args=(sleepers, delay), name="cnnlab-watch", daemon=True)
    thread.start()
    return thread


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_watch.cache_clear)  # threads do not come along


def _go_on(sleepers: Sleepers, delay: float) -> None:
    """Look until something fails, such as a file that cannot be opened; OpenMP is then left to itself."""
    watch, then = Watch(), time.monotonic()
    with suppress(OSError, RuntimeError, ValueError, IndexError):
        while True:
            time.sleep(PERIOD)
            now, new_delay = time.monotonic(), seconds_delayed()
            if watch.look((new_delay - delay) / (now - then), now):
                sleepers.come()
            else:
                sleepers.go()
            then, delay = now, new_delay
    sleepers.go()


def seconds_delayed() -> float:
    """Return how long the threads of this process have waited for a core so far, all of them together.

    Raises:
        OSError: this system keeps no such account.
    """
    total = 0
    for thread in os.listdir("/proc/self/task"):
        with suppress(FileNotFoundError, ProcessLookupError):  # it has ended
            total += int(Path(f"/proc/self/task/{thread}/schedstat").read_text().split()[1])
    return total / 1e9


def checked_threads(threads: Any) -> int:
    """Return a number of threads that can be had.

    Raises:
        ConfigError: it is none.
    """
    number = plain(threads)
    if not isinstance(number, int) or isinstance(number, bool) or not 1 <= number <= MOST_THREADS:
        raise ConfigError(
            f"threads: must be a whole number, 1 to {MOST_THREADS}. Received: {shown(threads)}."
        )
    return number
