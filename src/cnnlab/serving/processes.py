"""What processes use, read from Linux's /proc, or None; and how many files this one may open."""

import os
from collections.abc import Sequence
from pathlib import Path

from cnnlab.errors import ConfigError


def family(process: int) -> list[int]:
    """Return a process and all below it; itself alone where /proc is not."""
    found = [process]
    for one in found:
        for file in Path(f"/proc/{one}/task").glob("*/children"):
            found += [int(child) for child in file.read_text().split()]
    return found


def memory(processes: Sequence[int], key: str) -> int | None:
    """Return the sum of one line of /proc/PID/status, in bytes."""
    total = 0
    for process in processes:
        try:
            lines = Path(f"/proc/{process}/status").read_text().splitlines()
        except OSError:
            return None
        total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{key}:"))
    return total or None


def cpu_seconds(processes: Sequence[int]) -> float | None:
    """Return the processor time that processes have used so far."""
    ticks = 0
    for process in processes:
        try:
            fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return None
        ticks += int(fields[11]) + int(fields[12])  # in user and in system mode
    return ticks / os.sysconf("SC_CLK_TCK")


def let_open_files(number: int) -> None:
    """Let this process, and those that it starts, have so many files and connections open at once.

    Raises:
        ConfigError: the system does not let it.
    """
    try:
        import resource
    except ImportError:  # on Windows there is no such limit
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or number <= soft:
        return
    if hard != resource.RLIM_INFINITY and number > hard:
        raise ConfigError(
            f"--limit connections: as many need {number} open files at once, and the system allows {hard}. "
            f"Lower it with --limit connections=NUMBER, or raise the system's limit: ulimit -n {number}"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (number, hard))
