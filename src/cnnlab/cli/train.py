"""`cnnlab train`."""

from pathlib import Path
from typing import Annotated

import typer

from cnnlab.cli import options
from cnnlab.cli.output import choose_progress, print_json, print_path


def train(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A recipe, a network, or a TOML file.")],
    data: options.Data = None,
    data_root: options.DataRoot = None,
    epochs: options.Epochs = None,
    steps: options.Steps = None,
    batch_size: options.BatchSize = None,
    lr: options.Lr = None,
    seed: Annotated[
        int | None, typer.Option(help="Seed of weights, order, augmentation and dropout.")
    ] = None,
    device: options.Device = None,
    precision: options.Precision = None,
    threads: options.Threads = None,
    print_every: Annotated[
        int | None,
        typer.Option(min=1, help="Print loss, train and validation accuracy every this many steps."),
    ] = None,
    strict: options.Strict = False,
    settings: options.Settings = None,
    out: options.Out = Path("runs"),
    tensorboard: options.TensorBoard = False,
    mlflow: options.Mlflow = None,
    test: Annotated[bool, typer.Option(help="Look at the test images once, at the end.")] = True,
    as_json: options.Json = False,
) -> None:
    """Train a network, evaluate it, and leave a run folder."""
    from cnnlab import lab

    changes = options.parse_settings(settings)
    if print_every is not None:
        changes = {"train.log_every": print_every, "train.val_every": print_every, **changes}
    run = lab.train(
        name,
        data=data,
        root=data_root,
        epochs=epochs,
        steps=steps,
        batch_size=batch_size,
        lr=lr,
        seed=seed,
        device=device,
        precision=precision,
        threads=threads,
        strict=strict or None,
        changes=changes,
        out=out,
        tensorboard=tensorboard,
        mlflow=mlflow,
        test=test,
        progress=choose_progress(),
    )
    print_run(run, as_json=as_json)


def print_run(run: Path, *, as_json: bool) -> None:
    """Print where a run is and what it reached."""
    from cnnlab.runs import RunFolder

    folder = RunFolder(run)
    if as_json:
        print_json({"run": str(run), "cost": folder.cost, "test": folder.evaluation})
    else:
        print_path(run)
