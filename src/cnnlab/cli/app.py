"""The command `cnnlab`: its commands, and how errors become one line and an exit code."""

import sys
from contextlib import suppress

import typer

from cnnlab.cli import (
    bench,
    compare,
    data,
    doctor,
    evaluate,
    explain,
    export,
    lr_find,
    models,
    predict,
    recipes,
    report,
    resume,
    runs,
    serve,
    study,
    track,
    train,
)
from cnnlab.cli.mistakes import INTERRUPTED, as_line
from cnnlab.cli.output import say
from cnnlab.cli.signals import terminated_with_a_line
from cnnlab.cli.streams import ReaderLeftError, prepare_streams
from cnnlab.errors import CnnlabError

app = typer.Typer(
    name="cnnlab",
    rich_markup_mode=None,  # its help takes twice as long to appear
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
app.command()(train.train)
app.command()(resume.resume)
app.command()(evaluate.evaluate)
app.command()(predict.predict)
app.command()(explain.explain)
app.command()(compare.compare)
app.command()(export.export)
app.command()(serve.serve)
app.command()(report.report)
app.command()(track.track)
app.command()(lr_find.lr_find)
app.command()(study.study)
app.command()(runs.runs)
app.add_typer(models.app, name="models")
app.add_typer(recipes.app, name="recipes")
app.add_typer(data.app, name="data")
app.add_typer(bench.app, name="bench")
app.command()(doctor.doctor)


def _print_version(wanted: bool) -> None:
    if wanted:
        from cnnlab import __version__

        print(f"cnnlab {__version__}")
        raise typer.Exit


@app.callback(
    epilog="Exit codes: 0 done, 1 a check fell short, 2 bad input, 3 something is missing, 70 a fault of "
    "cnnlab itself, 130 interrupted, 143 terminated."
)
def cnnlab(
    version: bool = typer.Option(
        False, "--version", callback=_print_version, is_eager=True, help="Print the version."
    ),
    debug: bool = typer.Option(
        False, "--debug", help="Show the traceback of an error; works after any command too."
    ),
) -> None:
    """Train and compare classic convolutional networks."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with its code; whatever goes wrong is one line on stderr."""
    prepare_streams()
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in arguments
    arguments = [argument for argument in arguments if argument != "--debug"]
    try:
        with terminated_with_a_line():
            code = app(arguments or ["--help"], standalone_mode=False)
        line = "Interrupted." if code == INTERRUPTED else ""
        sys.stdout.flush()  # a full disk is found now, not by Python on its way out
    except (Exception, KeyboardInterrupt) as error:
        if debug and not isinstance(error, ReaderLeftError):
            raise
        code, line = as_line(error, arguments)
    if line:
        say(line)
    with suppress(CnnlabError):  # what had been printed before an error; the error is what counts
        sys.stdout.flush()
    sys.exit(code if isinstance(code, int) else 0)
