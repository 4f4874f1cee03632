"""`cnnlab predict`."""

import sys
from typing import Annotated

import typer

from cnnlab.cli import options
from cnnlab.cli.output import print_line, say
from cnnlab.errors import ConfigError


def predict(
    run: options.Run,
    sources: Annotated[list[str], typer.Argument(metavar="FILE...", help="Images, folders, or patterns.")],
    top: Annotated[int, typer.Option(min=1, help="Labels per image, at most one per class.")] = 3,
    tta: options.Tta = None,
    average: options.Average = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    as_json: options.Json = False,
) -> None:
    """Say what is on images.

    Exit code 1 if one of them cannot be read.
    """
    if as_csv and as_json:
        raise ConfigError("--csv, --json: must not both be given; leave one of them out.")
    from cnnlab.evaluation import load_run
    from cnnlab.lab.predict import iter_predictions, write_csv, write_json

    loaded = load_run(run)
    tta, average = "none" if tta is None else tta, "probs" if average is None else average
    top = min(top, len(loaded.class_names))
    failed = 0

    def counted():
        nonlocal failed
        views = {"tta": tta, "average": average}
        for prediction in iter_predictions(loaded, sources, top_k=top, warn=say, **views):
            failed += prediction.error is not None
            yield prediction

    if as_json:
        write_json(counted(), sys.stdout)
    elif as_csv:
        write_csv(counted(), sys.stdout, top_k=top)
    else:
        for prediction in counted():
            answer = "  ".join(f"{label} {_percent(prob)}" for label, prob in prediction.labels)
            print_line(f"{prediction.file}: {answer or _reason(prediction.file, prediction.error or '')}")
    if failed:
        raise typer.Exit(1)


def _percent(prob: float) -> str:
    """A network is never quite sure: rounding must not say so."""
    return ">99.99%" if prob > 0.9999 else f"{prob:.2%}"


def _reason(file: str, error: str) -> str:
    """An error is one line, complete in itself: it begins with the file, which the line names already."""
    return error.removeprefix(" ".join(f"{file}:".split())).lstrip()
