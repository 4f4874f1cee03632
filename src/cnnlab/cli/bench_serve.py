"""`cnnlab bench serve`."""

from pathlib import Path
from typing import Annotated

import typer

from cnnlab.cli import options
from cnnlab.cli.output import print_json, print_line, print_table, say
from cnnlab.errors import ConfigError


def serve(
    sources: Annotated[
        list[Path],
        typer.Argument(
            parser=options.parse_path,
            metavar="RUN_OR_ONNX...",
            help="What is served; the first of them is asked.",
        ),
    ],
    clients: Annotated[
        list[int] | None,
        typer.Option("--clients", help="Requests at once; several times for several. 8 and 32 if not given."),
    ] = None,
    number: Annotated[int, typer.Option("--requests", help="Requests for each number of clients.")] = 10_000,
    warm_up: Annotated[int, typer.Option("--warm-up", min=0, help="Requests before that.")] = 500,
    image_size: Annotated[
        int | None,
        typer.Option(
            "--image-size",
            min=8,
            max=2048,
            help="Of drawn images, in pixels; as the network takes, and 28 at least.",
        ),
    ] = None,
    images: Annotated[
        list[Path] | None,
        typer.Option("--image", parser=options.parse_path, metavar="<path>", help="Send this file instead."),
    ] = None,
    workers: Annotated[int, typer.Option("--workers", min=1, help="The server's processes.")] = 1,
    threads: Annotated[int | None, typer.Option("--threads", min=1, help="As of `cnnlab serve`.")] = None,
    most_p99: Annotated[
        float | None,
        typer.Option(
            "--most-p99", min=0, help="Exit with 1 if 99 % wait longer than so many ms in some load."
        ),
    ] = None,
    least_rate: Annotated[
        float | None,
        typer.Option("--least-rate", min=0, help="Exit with 1 below so many requests/s in some load."),
    ] = None,
    most_ready: Annotated[
        float | None,
        typer.Option("--most-ready", min=0, help="Exit with 1 if it is ready later than after so many s."),
    ] = None,
    most_memory: Annotated[
        float | None,
        typer.Option("--most-memory", min=0, help="Exit with 1 if it holds more than so many MB when ready."),
    ] = None,
    data_root: options.DataRoot = None,
    as_json: options.Json = False,
) -> None:
    """Start `cnnlab serve`, ask it as fast as it answers, and measure its start, waiting times and memory.

    Clients and server share this machine, and so they do in the figures. A request that fails is an exit code
    of 1.
    """
    from cnnlab import machine
    from cnnlab.serving.measure import measure_server
    from cnnlab.serving.measured import Goals
    from cnnlab.serving.sources import onnx_files
    from cnnlab.source import source_and_day

    try:
        contents = [path.read_bytes() for path in images or []]
    except OSError as error:
        raise ConfigError(f"--image: {error.filename}: cannot be read: {error.strerror}.") from None
    measured = measure_server(
        onnx_files(sources, data_root=data_root, say=say),
        clients=clients or (8, 32),
        number=number,
        warm_up=warm_up,
        image_size=image_size,
        images=contents,
        workers=workers,
        options=[] if threads is None else ["--threads", str(threads)],
        say=say,
    )
    if as_json:
        where = {"cpu": machine.cpu_name(), "cores": machine.num_cores(), **source_and_day()}
        print_json(measured.as_dict() | where)
    else:
        header, rows, notes = measured.table()
        print_table(header, rows, right=range(len(header)))
        for note in notes:
            print_line(note)
    goals = Goals(most_p99, least_rate, most_ready, most_memory)
    short = measured.shortfalls(goals)
    for line in short:
        say(line)
    if short or any(load.num_failed for load in measured.loads):
        raise typer.Exit(1)
