"""Options that several commands share, with one wording."""

from pathlib import Path
from typing import Annotated

import typer

from cnnlab.errors import ConfigError, MissingResourceError
from cnnlab.threads import MOST_THREADS


def parse_path(value: str | Path) -> Path:
    """Return a path; the empty one, as an unset variable of a shell leaves it, would be the current folder.

    Raises:
        ValueError: there is nothing in it, or what no path can hold; Typer adds the option and the value.
    """
    if "\0" in str(value):
        raise ValueError("embedded null byte")
    if not str(value).strip():
        raise ValueError("must not be empty; the current folder is called '.'")
    return Path(value)


Out = Annotated[
    Path, typer.Option("--out", parser=parse_path, metavar="<path>", help="Folder of run folders.")
]
Data = Annotated[
    str | None,
    typer.Option(
        "--data", help="A data set of `cnnlab data`, a folder of class folders, or synthetic:CxHxWxN."
    ),
]
DataRoot = Annotated[
    Path | None,
    typer.Option(
        "--data-root",
        parser=parse_path,
        metavar="<path>",
        help="Where data sets lie; looked at before CNNLAB_DATA_ROOT and the cache.",
    ),
]
Epochs = Annotated[float | None, typer.Option("--epochs", help="Passes over the training images.")]
Steps = Annotated[int | None, typer.Option("--steps", help="Optimizer updates, instead of epochs.")]
BatchSize = Annotated[int | None, typer.Option("--batch-size", help="Images per step.")]
Lr = Annotated[float | None, typer.Option("--lr", help="Peak learning rate.")]
Device = Annotated[str | None, typer.Option("--device", help="auto, cpu or cuda.")]
Precision = Annotated[str | None, typer.Option("--precision", help="auto, float32 or bf16.")]
Threads = Annotated[int | None, typer.Option("--threads", max=MOST_THREADS, help="Threads of the CPU.")]
Jobs = Annotated[
    int,
    typer.Option("--jobs", help="Runs at once, each with its share of the cores as its threads."),
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="FIELD=VALUE", help="Any other setting, such as optim.weight_decay=5e-4."),
]
Strict = Annotated[
    bool, typer.Option("--strict", help="Refuse a folder with an unreadable image instead of skipping it.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON: accuracies as fractions, times in seconds.")]
Tta = Annotated[
    str | None,
    typer.Option(
        "--tta",
        help="Views of each image: none, centre, mirror, shift, mirror-shift, or ten-crop (after crops).",
    ),
]
Average = Annotated[
    str | None, typer.Option("--average", help="What of several views is averaged: logits or probs.")
]
TensorBoard = Annotated[
    bool, typer.Option("--tensorboard", help="Write what TensorBoard shows into the run folder.")
]
Mlflow = Annotated[
    str | None,
    typer.Option("--mlflow", metavar="URI", help="Show it on this MLflow server: http://HOST:PORT."),
]
Run = Annotated[Path, typer.Argument(parser=parse_path, metavar="RUN", help="A run folder.")]


def parse_settings(settings: list[str] | None, *, option: str = "--set") -> dict[str, object]:
    """Return the fields and values of all `--set` options, or of another of their form."""
    from cnnlab.config import parse_setting

    return dict(parse_setting(text, option=option) for text in settings or [])


def make_folder(path: Path, option: str) -> None:
    """Make the folder that an option names, and try to write there, now, not after hours of training."""
    from cnnlab.runs.atomic import make_writable

    try:
        make_writable(path)
    except NotADirectoryError as error:
        raise ConfigError(f"{option}: {error}") from None
    except MissingResourceError as error:
        raise MissingResourceError(f"{option}: {error}") from None
