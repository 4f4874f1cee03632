"""Many runs brought to their end, some of them at once, each with its share of the cores.

Two runs of one thread each get more out of two cores than one run of two threads: their threads never wait
for each other.
"""

import sys
import time
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from cnnlab import machine
from cnnlab.config import RunConfig
from cnnlab.errors import ConfigError
from cnnlab.lab.finish import finished_run, is_finished
from cnnlab.lab.launch import Launch, Processes, launch_here, launch_process
from cnnlab.runs import RunFolder, list_runs, result_key


@dataclass(frozen=True)
class Task:
    """A run to be brought to its end.

    Attributes:
        config: what to run.
        fingerprints: of the images of train and val that it would see today, by split.
        name: what a line about it says.
        chain: tasks of one chain are done one after another, in their order: a later one may use what an
            earlier one leaves. None for a task that stands alone.
    """

    config: RunConfig
    fingerprints: dict[str, str]
    name: str
    chain: Hashable = None


def say_to_stderr(message: str) -> None:
    """Print a line for a person who did not say where else it shall go."""
    print(message, file=sys.stderr, flush=True)


def check_jobs(jobs: int) -> None:
    """Refuse more runs at once than there are cores; raises ConfigError."""
    cores = machine.num_cores()
    if not 1 <= jobs <= cores:
        many = (
            f"1 to {cores}, the cores that this process may use"
            if cores > 1
            else "1: this process may use one core"
        )
        raise ConfigError(f"--jobs: must be {many}. Received: {jobs}.")


def share_of_threads(jobs: int, threads: int | None) -> int | None:
    """Return the threads of each of `jobs` runs; None, as elsewhere, leaves the number to the run."""
    return threads if threads is not None or jobs == 1 else max(1, machine.num_cores() // jobs)


def finish_all(
    tasks: Sequence[Task],
    out: Path,
    *,
    jobs: int = 1,
    launch: Launch | None = None,
    say: Callable[[str], None],
    seconds_left: Callable[[], str] = str,
    done: Callable[[int, float], None] | None = None,
) -> list[RunFolder]:
    """Return the evaluated run of every task, in their order; see `finished_run`.

    Args:
        tasks: what is to be run. When one fails, those beside it save and end, and the rest is not begun.
        out: where run folders are looked for and made.
        jobs: how many at once.
        launch: brings one run to its end; a process of its own each if not given.
        say: takes one line about what happens. Of runs side by side it takes their lines too, by number.
        seconds_left: what a line adds to a run's number.
        done: is told that task `index` is at its end, and the seconds it took.

    Raises:
        CnnlabError: of the first run that failed or was stopped.
    """
    total = len(tasks)
    _say_other_threads(tasks, out, say)

    def finish(index: int, launch: Launch) -> RunFolder:
        task = tasks[index]
        title = f"[{index + 1}/{total}{seconds_left()}] {task.name}"
        start = time.perf_counter()
        folder = finished_run(task.config, task.fingerprints, out, launch=launch, say=say, title=title)
        if done is not None:
            done(index, time.perf_counter() - start)
        return folder

    if jobs == 1:
        return [finish(index, launch or launch_process) for index in range(total)]

    at_once = min(jobs, _most_at_once(tasks, out))
    assert launch is not launch_here, "torch's random numbers and threads are one for a whole process"
    with Processes() as processes, ThreadPoolExecutor(jobs) as pool:

        def start(index: int) -> Future[RunFolder]:
            def say_which(line: str) -> None:
                say(f"[{index + 1}/{total}] {line}")

            process = partial(launch_process, processes=processes, say=say_which, at_once=at_once)
            return pool.submit(finish, index, launch or process)

        return _in_chains([task.chain for task in tasks], jobs, start, fail=processes.end)


def _most_at_once(tasks: Sequence[Task], out: Path) -> int:
    """Return how many runs there can be at once: those that are still to be trained, one of each chain."""
    left = [task for task in tasks if not is_finished(task.config, task.fingerprints, out)]
    chains = {task.chain for task in left} - {None}
    return sum(task.chain is None for task in left) + len(chains)


def _say_other_threads(tasks: Sequence[Task], out: Path, say: Callable[[str], None]) -> None:
    """Say that there are runs which differ in nothing but their threads, and so would be trained again."""

    def key(config: RunConfig, **changes: object) -> str:
        return result_key(config.with_changes(changes)).to_toml()

    wanted = {key(task.config) for task in tasks}
    with_any_threads = {key(task.config, threads=None) for task in tasks}
    others: dict[str, int] = {}
    for run in list_runs(out):
        if run.config is None or run.state != "evaluated" or key(run.config) in wanted:
            continue
        if key(run.config, threads=None) in with_any_threads:
            threads = str(run.config.threads or "as many as cores")
            others[threads] = others.get(threads, 0) + 1
    for threads, num in others.items():
        runs = f"{num} finished run{'s' * (num != 1)}"
        say(f"{out}: {runs} with threads = {threads}, so with other last bits: not used.")


def _in_chains(
    chains: Sequence[Hashable],
    jobs: int,
    start: Callable[[int], Future[RunFolder]],
    fail: Callable[[], None],
) -> list[RunFolder]:
    """Start tasks in their order, `jobs` at once, never two of one chain; return what they return.

    Raises:
        BaseException: of the first that failed, once all are at their end; `fail` is called in between.
    """
    waiting = list(range(len(chains)))
    running: dict[Future[RunFolder], int] = {}
    folders: dict[int, RunFolder] = {}
    failure: BaseException | None = None
    while waiting or running:
        busy = {chains[index] for index in running.values()} - {None}
        free = next((index for index in waiting if chains[index] not in busy), None)
        if free is not None and len(running) < jobs:
            waiting.remove(free)
            running[start(free)] = free
            continue
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            index = running.pop(future)
            if (error := future.exception()) is None:
                folders[index] = future.result()
            elif failure is None:
                failure = error
                waiting.clear()
                fail()
    if failure is not None:
        raise failure
    return [folders[index] for index in range(len(chains))]
