"""`cnnlab lr-find`."""

from pathlib import Path
from typing import Annotated

import typer

from cnnlab.cli import options
from cnnlab.cli.output import choose_progress, print_json, print_line, print_table
from cnnlab.errors import CheckFailedError

NUM_ROWS = 14
"""About as many rates are printed; the picture has all."""


def lr_find(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A recipe, a network, or a TOML file.")],
    data: options.Data = None,
    data_root: options.DataRoot = None,
    lowest: Annotated[float, typer.Option(help="Learning rate of the first step.")] = 1e-6,
    highest: Annotated[float, typer.Option(help="Learning rate of the last step.")] = 10.0,
    steps: Annotated[int, typer.Option(help="Steps from one to the other.")] = 100,
    batch_size: options.BatchSize = None,
    seed: Annotated[
        int | None, typer.Option(help="Seed of weights, order, augmentation and dropout.")
    ] = None,
    device: options.Device = None,
    precision: options.Precision = None,
    threads: options.Threads = None,
    strict: options.Strict = False,
    settings: options.Settings = None,
    out: Annotated[
        Path | None,
        typer.Option(
            parser=options.parse_path,
            metavar="<path>",
            help="Folder for lr-find.png and lr-find.json; else none is written.",
        ),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Raise the learning rate until the loss explodes, and suggest one; trains for some steps, keeps nothing.

    The suggestion is the rate at which the smoothed loss falls fastest on its way to its lowest.
    """
    from cnnlab import lab

    sweep = lab.lr_find(
        name,
        lowest=lowest,
        highest=highest,
        steps=steps,
        out=out,
        progress=choose_progress(),
        data=data,
        root=data_root,
        batch_size=batch_size,
        seed=seed,
        device=device,
        precision=precision,
        threads=threads,
        strict=strict or None,
        changes=options.parse_settings(settings),
    )
    if as_json:
        print_json(sweep.as_dict())
    else:
        shown = range(0, len(sweep.lrs), max(1, len(sweep.lrs) // NUM_ROWS))
        rows = [(f"{sweep.lrs[place]:.2g}", f"{sweep.smoothed[place]:.4f}") for place in shown]
        print_table(("rate", "loss, smoothed"), rows, right=(0, 1))
        end = f"it explodes at {sweep.lrs[-1]:.2g}" if sweep.has_exploded else "it never explodes"
        print_line(f"the loss is lowest at {sweep.lowest_at:.2g}; {end}")
    if sweep.suggestion is None:
        what = "never fell by 10 %"
        remedy = f"raise --highest or give more --steps. Received: --highest {highest:g}"
        if sweep.has_exploded:
            what = f"exploded at {sweep.lrs[-1]:.2g} without having fallen by 10 %"
            remedy = f"give a lower --lowest, or more --steps. Received: --lowest {lowest:g}"
        raise CheckFailedError(
            f"{name}: the loss {what}, so no rate is suggested; {remedy}, --steps {steps}."
        )
    if not as_json:
        print_line(f"suggested: --lr {sweep.suggestion:g}, where it falls fastest")
        if out is not None:
            print_line(f"saved: {out / 'lr-find.png'}, {out / 'lr-find.json'}")
