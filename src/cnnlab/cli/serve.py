"""`cnnlab serve`."""

from pathlib import Path
from typing import Annotated

import typer

from cnnlab.cli import options
from cnnlab.cli.output import print_json, say
from cnnlab.errors import ConfigError, MissingResourceError
from cnnlab.serving import TOKEN_VARIABLE
from cnnlab.threads import MOST_THREADS

LIMITS = (
    "Names: body_bytes, total_bytes, images, pixels, queue, batch, connections, header_seconds, "
    "body_seconds, send_seconds, decode_seconds, answer_seconds, explain_seconds, stop_seconds, "
    "decode_threads."
)


def serve(
    sources: Annotated[
        list[Path],
        typer.Argument(
            parser=options.parse_path, metavar="RUN_OR_ONNX...", help="Run folders, or exported ONNX files."
        ),
    ],
    host: Annotated[str, typer.Option("--host", help="Where to listen; this machine alone.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Where to listen; 0 takes a free port.")
    ] = 8000,
    workers: Annotated[
        int, typer.Option("--workers", min=1, max=256, help="Processes, each with a copy of the networks.")
    ] = 1,
    threads: Annotated[
        int | None,
        typer.Option(
            "--threads",
            min=1,
            max=MOST_THREADS,
            help="Threads of a network, in each process; half of the cores, shared out.",
        ),
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(
            "--token-file",
            parser=options.parse_path,
            metavar="<path>",
            help=f"A file with the token that clients must send; or set {TOKEN_VARIABLE}.",
        ),
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-host",
            metavar="NAME",
            help="Answer to this Host too, such as that of a proxy; several times for several.",
        ),
    ] = None,
    limit: Annotated[
        list[str] | None,
        typer.Option(
            "--limit",
            metavar="NAME=VALUE",
            help="What is taken at most, such as images=8; several times for several. " + LIMITS,
        ),
    ] = None,
    data_root: options.DataRoot = None,
    as_json: options.Json = False,
) -> None:
    """Answer for networks over HTTP until Ctrl-C or SIGTERM: POST images to /v1/predict.

    The page to draw on is at /. A run folder is exported first, into itself, if it has not been yet.
    """
    try:
        from cnnlab.serving import server
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("cnnlab"):
            raise
        raise MissingResourceError(
            f"serve: needs {error.name}, which is not installed. Get it with: pip install 'cnnlab[serve]'"
        ) from None
    from cnnlab import machine
    from cnnlab.serving.hosts import allowed_hosts
    from cnnlab.serving.limits import Limits
    from cnnlab.serving.sources import onnx_files

    if not sources:
        raise ConfigError("RUN_OR_ONNX: there must be at least one network.")
    limits = Limits.from_texts(limit or [])
    token = server.token_of(token_file, TOKEN_VARIABLE)
    # The event loop and the decoders need the other half.
    threads = threads or max(1, machine.num_cores() // (2 * workers))
    with server.open_port(host, port) as listening:
        address = listening.getsockname()
        hosts = allowed_hosts(address[0], allow_host or ())
        paths = onnx_files(sources, data_root=data_root, say=say)
        settings = server.Settings(tuple(map(str, paths)), threads, limits, token, hosts)
        if as_json:
            print_json({"host": address[0], "port": address[1], "networks": [path.stem for path in paths]})
        server.serve(settings, listening, workers=workers, say=say)
