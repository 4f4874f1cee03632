"""`cnnlab bench`: how fast this machine is at what cnnlab does."""

from typing import Annotated

import typer

from cnnlab.cli import options
from cnnlab.cli.output import print_json, print_line, print_table, say

app = typer.Typer(
    help="How fast this machine is, and how far from what its processor can do.", no_args_is_help=True
)


@app.command()
def train(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Recipes, networks, or TOML files.")],
    data: options.Data = None,
    data_root: options.DataRoot = None,
    rounds: Annotated[int, typer.Option(help="How often each network gets its turn.")] = 5,
    steps: Annotated[int, typer.Option(help="Training steps in a turn.")] = 5,
    plain: Annotated[
        bool, typer.Option("--plain", help="Time the same networks in plain PyTorch too, in the same rounds.")
    ] = False,
    layers: Annotated[bool, typer.Option("--layers", help="Time each layer by itself too.")] = False,
    batch_size: options.BatchSize = None,
    device: options.Device = None,
    precision: options.Precision = None,
    threads: options.Threads = None,
    settings: options.Settings = None,
    as_json: options.Json = False,
) -> None:
    """Time training steps: batch, augmentation, forward, backward, update; all networks in turn."""
    from cnnlab import lab
    from cnnlab.bench import bench_table, breakdown_table

    results, breakdowns = lab.bench_training(
        names,
        rounds=rounds,
        steps=steps,
        plain=plain,
        layers=layers,
        say=say,
        data=data,
        root=data_root,
        batch_size=batch_size,
        device=device,
        precision=precision,
        threads=threads,
        changes=options.parse_settings(settings),
    )
    if as_json:
        values = [result.as_dict() for result in results]
        for value, breakdown in zip(values, breakdowns, strict=False):
            value["layers"] = breakdown.as_dict()
        print_json(values)
        return
    _print(bench_table(results), first_number=1)
    for breakdown in breakdowns:
        print_line("")
        _print(breakdown_table(breakdown), first_number=2)


def _print(table: tuple[list[str], list[list[str]], list[str]], *, first_number: int) -> None:
    header, rows, notes = table
    print_table(header, rows, right=range(first_number, len(header)))
    for note in notes:
        print_line(note)
