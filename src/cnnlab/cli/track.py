"""`cnnlab track`."""

from pathlib import Path
from typing import Annotated

import typer

from cnnlab.cli import options
from cnnlab.cli.output import print_json, print_line, say


def track(
    runs: Annotated[
        list[Path], typer.Argument(parser=options.parse_path, metavar="RUN...", help="Run folders.")
    ],
    tensorboard: options.TensorBoard = False,
    mlflow: options.Mlflow = None,
    report: Annotated[
        Path | None,
        typer.Option(
            parser=options.parse_path,
            metavar="<path>",
            help="A folder that `cnnlab report` has written into; its files go to the MLflow server too.",
        ),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Show runs that are there in TensorBoard or on an MLflow server; a second time adds nothing."""
    from cnnlab import lab

    shown = [lab.track(run, tensorboard=tensorboard, mlflow=mlflow, report=report, warn=say) for run in runs]
    if as_json:
        print_json(shown)
        return
    for run in shown:
        places = "; ".join(f"{name}: {where}" for name, where in run.items() if name != "run")
        print_line(f"{run['run']}: {places}")
