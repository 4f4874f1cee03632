"""Processes of their own for tests that kill them: new ones each, forked from a fresh interpreter.

That interpreter has imported torch, has never computed anything, and shares nothing with pytest; forking from
it spares each process the seconds that the import takes.
"""

import multiprocessing
from collections.abc import Callable
from multiprocessing.context import ForkServerContext, ForkServerProcess

PRELOADED = ["torch._dynamo", "cnnlab.training", "disk_faults", "tiny_training"]


def context() -> ForkServerContext:
    """Return where such processes and their queues come from."""
    forks = multiprocessing.get_context("forkserver")
    forks.set_forkserver_preload(PRELOADED)
    return forks


def start(target: Callable[..., None], *args: object) -> ForkServerProcess:
    """Run a function of a test module in a process of its own."""
    process = context().Process(target=target, args=args, daemon=True)
    process.start()
    return process
