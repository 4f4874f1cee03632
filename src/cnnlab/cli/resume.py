"""`cnnlab resume`."""

from typing import Annotated

import typer

from cnnlab.cli import options
from cnnlab.cli.output import choose_progress
from cnnlab.cli.train import print_run


def resume(
    run: options.Run,
    epochs: Annotated[
        float | None,
        typer.Option(help="Make a finished run of a constant rate this many epochs long, in a new folder."),
    ] = None,
    steps: Annotated[int | None, typer.Option(help="The same in optimizer updates.")] = None,
    threads: options.Threads = None,
    inexact: Annotated[
        bool, typer.Option("--inexact", help="Go on even where other threads or versions give other bits.")
    ] = False,
    tensorboard: options.TensorBoard = False,
    mlflow: options.Mlflow = None,
    test: Annotated[bool, typer.Option(help="Look at the test images once, at the end.")] = True,
    as_json: options.Json = False,
) -> None:
    """Go on with a run exactly where it stopped, or with a finished one to a greater length."""
    from cnnlab import lab

    run = lab.resume(
        run,
        epochs=epochs,
        steps=steps,
        threads=threads,
        inexact=inexact,
        tensorboard=tensorboard,
        mlflow=mlflow,
        test=test,
        progress=choose_progress(),
    )
    print_run(run, as_json=as_json)
