"""`cnnlab bench`: how fast this machine is at what cnnlab does."""

from typing import Annotated

import typer

from cnnlab.cli import bench_serve, options
from cnnlab.cli.output import print_json, print_line, print_table, say
from cnnlab.errors import ConfigError

app = typer.Typer(
    help="How fast this machine is, and how far from what its processor can do.", no_args_is_help=True
)
app.command()(bench_serve.serve)

Rounds = Annotated[int, typer.Option("--rounds", help="How often each gets its turn.")]


@app.command()
def train(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Recipes, networks, or TOML files.")],
    data: options.Data = None,
    data_root: options.DataRoot = None,
    rounds: Rounds = 5,
    steps: Annotated[int, typer.Option(help="Training steps in a turn.")] = 5,
    peers: Annotated[
        list[str] | None,
        typer.Option(
            "--peers",
            metavar="PEER",
            help="Time this in the same rounds too: 'plain', the same network in plain PyTorch, or the file "
            "of a program, such as peers/tensorflow_steps.py. May be given several times.",
        ),
    ] = None,
    variants: Annotated[
        list[str] | None,
        typer.Option(
            "--variant",
            metavar="FIELD=VALUE",
            help="Time every network with this setting too, such as model.args.lrn=false, or with several: "
            "'model.args.lrn=false; precision=bf16'. May be given several times.",
        ),
    ] = None,
    layers: Annotated[bool, typer.Option("--layers", help="Time each layer by itself too.")] = False,
    memory: Annotated[
        bool,
        typer.Option("--memory", help="Tell the most memory that a process holds which trains it alone."),
    ] = False,
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
        peers=peers or [],
        variants=[options.parse_settings(text.split(";"), option="--variant") for text in variants or []],
        layers=layers,
        memory=memory,
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


@app.command()
def infer(
    names: Annotated[
        list[str], typer.Argument(metavar="NAME...", help="Recipes, networks, TOML files, or run folders.")
    ],
    rounds: Rounds = 5,
    steps: Annotated[int, typer.Option(help="Forward passes in a turn, at least.")] = 5,
    batch_sizes: Annotated[
        list[int] | None,
        typer.Option("--batch-size", help="Images in a pass; several times for several. 1 and as evaluate."),
    ] = None,
    plain: Annotated[
        bool, typer.Option("--plain", help="Time the same networks in plain PyTorch too, in the same rounds.")
    ] = False,
    threads: options.Threads = None,
    settings: options.Settings = None,
    as_json: options.Json = False,
) -> None:
    """Time forward passes, as predict and evaluate do them, in float32; all networks in turn."""
    from cnnlab import lab
    from cnnlab.bench import bench_table

    results = lab.bench_inference(
        names,
        rounds=rounds,
        steps=steps,
        batch_sizes=batch_sizes or (),
        plain=plain,
        say=say,
        threads=threads,
        changes=options.parse_settings(settings),
    )
    if as_json:
        print_json([result.as_dict() for result in results])
    else:
        _print(bench_table(results), first_number=1)


@app.command(name="data")
def data_command(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Recipes, networks, or TOML files.")],
    data: options.Data = None,
    data_root: options.DataRoot = None,
    rounds: Rounds = 5,
    calls: Annotated[int, typer.Option(help="Batches in a turn.")] = 5,
    batch_size: options.BatchSize = None,
    threads: options.Threads = None,
    settings: options.Settings = None,
    as_json: options.Json = False,
) -> None:
    """Time how images come: read from disk, decoded from files, and as batches, by augmentation."""
    from cnnlab import lab
    from cnnlab.bench import sources_table

    results = lab.bench_data(
        names,
        rounds=rounds,
        calls=calls,
        say=say,
        data=data,
        root=data_root,
        batch_size=batch_size,
        threads=threads,
        changes=options.parse_settings(settings),
    )
    if as_json:
        print_json([result.as_dict() for result in results])
    else:
        _print(sources_table(results), first_number=2)


@app.command(name="time-to")
def time_to(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A recipe, a network, or a TOML file.")],
    top1: Annotated[float, typer.Option(help="The mean accuracy that is asked for, in percent.")],
    seeds: Annotated[int, typer.Option(help="How many trainings.")] = 10,
    first_seed: Annotated[
        int, typer.Option(help="The first seed; recipes were chosen by seeds below 100.")
    ] = 100,
    split: Annotated[
        str, typer.Option(help="'test', or 'val' to choose settings by; test images are not looked at then.")
    ] = "test",
    peers: Annotated[
        list[str] | None,
        typer.Option(
            "--peers",
            metavar="FILE",
            help="A program that takes '--seeds 1' and prints train_seconds and top1; run after each seed.",
        ),
    ] = None,
    data: options.Data = None,
    data_root: options.DataRoot = None,
    device: options.Device = None,
    precision: options.Precision = None,
    threads: options.Threads = None,
    settings: options.Settings = None,
    as_json: options.Json = False,
) -> None:
    """Train from several seeds, and tell the seconds and whether their mean reaches an accuracy."""
    from cnnlab import lab
    from cnnlab.bench import time_table

    if not 1.0 <= top1 <= 100.0:
        raise ConfigError(f"--top1: is in percent, 1 to 100. Received: {top1:g}.")
    result = lab.time_to(
        name,
        top1=round(top1 / 100, 12),  # 99.4 / 100 is above 0.994
        seeds=seeds,
        first_seed=first_seed,
        split=split,
        peers=peers or (),
        say=say,
        data=data,
        root=data_root,
        device=device,
        precision=precision,
        threads=threads,
        changes=options.parse_settings(settings),
    )
    if as_json:
        print_json(result.as_dict())
    else:
        _print(time_table(result), first_number=1)
    if not result.has_reached:
        raise typer.Exit(1)


def _print(table: tuple[list[str], list[list[str]], list[str]], *, first_number: int) -> None:
    header, rows, notes = table
    print_table(header, rows, right=range(first_number, len(header)))
    for note in notes:
        print_line(note)
