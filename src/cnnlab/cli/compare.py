"""`cnnlab compare`."""

from pathlib import Path
from typing import Annotated

import typer

from cnnlab.cli import options
from cnnlab.cli.output import command_line, print_json, print_line, say


def compare(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Recipes, networks, or TOML files.")],
    data: options.Data = None,
    seeds: Annotated[int, typer.Option(help="Runs of each network: seeds 0 to K - 1.")] = 3,
    data_root: options.DataRoot = None,
    epochs: options.Epochs = None,
    steps: options.Steps = None,
    batch_size: options.BatchSize = None,
    lr: options.Lr = None,
    device: options.Device = None,
    precision: options.Precision = None,
    threads: options.Threads = None,
    jobs: options.Jobs = 1,
    strict: options.Strict = False,
    settings: options.Settings = None,
    out: options.Out = Path("runs"),
    save: Annotated[
        Path | None,
        typer.Option(
            parser=options.parse_path,
            metavar="<path>",
            help="Folder for comparison.json, .csv and .md; else OUT itself.",
        ),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Train what is missing, and print one table.

    The other networks are tested against the first.
    """
    from cnnlab import lab
    from cnnlab.reporting import to_text, write_comparison

    if save is not None:
        options.make_folder(save, "--save")
    comparison = lab.compare(
        names,
        data=data,
        seeds=seeds,
        out=out,
        command=command_line(),
        jobs=jobs,
        say=say,
        root=data_root,
        epochs=epochs,
        steps=steps,
        batch_size=batch_size,
        lr=lr,
        device=device,
        precision=precision,
        threads=threads,
        strict=strict or None,
        changes=options.parse_settings(settings),
    )
    paths = write_comparison(save or out, comparison)
    if as_json:
        print_json(comparison.as_dict())
    else:
        print(to_text(comparison), end="")
        print_line(f"Saved: {', '.join(map(str, paths))}; learning curves and sample answers: {out}/*/*.png")
