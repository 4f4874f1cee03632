"""`cnnlab resume`."""

from typing import Annotated

import typer

from cnnlab.cli import options
from cnnlab.cli.output import choose_progress
from cnnlab.cli.train import print_run


def resume(
    run: options.Run,
    threads: options.Threads = None,
    inexact: Annotated[
        bool, typer.Option("--inexact", help="Go on even where other threads or versions give other bits.")
    ] = False,
    test: Annotated[bool, typer.Option(help="Look at the test images once, at the end.")] = True,
    as_json: options.Json = False,
) -> None:
    """Go on with a run exactly where it stopped."""
    from cnnlab import lab

    lab.resume(run, threads=threads, inexact=inexact, test=test, progress=choose_progress())
    print_run(run, as_json=as_json)
