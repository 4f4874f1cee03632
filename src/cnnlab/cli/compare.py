"""`cnnlab compare`."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from cnnlab.cli import options
from cnnlab.cli.output import print_json, print_line, say
from cnnlab.errors import ConfigError


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
    strict: options.Strict = False,
    settings: options.Settings = None,
    out: options.Out = Path("runs"),
    save: Annotated[
        Path | None, typer.Option(help="Folder for comparison.json, .csv and .md; else OUT itself.")
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Train what is missing, and print one table.

    The other networks are tested against the first.
    """
    from cnnlab import lab
    from cnnlab.reporting import to_text, write_comparison

    if save is not None:
        _make_folder(save)
    comparison = lab.compare(
        names,
        data=data,
        seeds=seeds,
        out=out,
        command=_command(),
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


def _make_folder(path: Path) -> None:
    """Make the folder for the comparison now, not after hours of training."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise ConfigError(f"--save: must be a folder. Received a file, or a place in one: {path}.") from None


def _command() -> str:
    """Return this command for the record; files of UTF-8 cannot hold every byte of a path."""
    return shlex.join(["cnnlab", *sys.argv[1:]]).encode(errors="backslashreplace").decode()
