"""The command `cnnlab`: its commands, and how errors become one line and an exit code."""

import os
import sys

import typer
from typer.exceptions import TyperException

from cnnlab.cli import compare, data, doctor, evaluate, models, predict, recipes, resume, runs, train
from cnnlab.cli.output import say
from cnnlab.errors import CnnlabError

INTERRUPTED = 130

app = typer.Typer(
    name="cnnlab",
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
app.command()(train.train)
app.command()(resume.resume)
app.command()(evaluate.evaluate)
app.command()(predict.predict)
app.command()(compare.compare)
app.command()(runs.runs)
app.add_typer(models.app, name="models")
app.add_typer(recipes.app, name="recipes")
app.add_typer(data.app, name="data")
app.command()(doctor.doctor)


def _print_version(wanted: bool) -> None:
    if wanted:
        from cnnlab import __version__

        print(f"cnnlab {__version__}")
        raise typer.Exit


@app.callback(
    epilog="Exit codes: 0 done, 1 a check fell short, 2 bad input, 3 something is missing, 130 interrupted."
)
def cnnlab(
    version: bool = typer.Option(
        False, "--version", callback=_print_version, is_eager=True, help="Print the version."
    ),
    debug: bool = typer.Option(
        False, "--debug", help="Show the traceback of an error; works after any command too."
    ),
) -> None:
    """Train, compare, explain and ship classic convolutional networks."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with its code; an error of the user's is one line on stderr."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in arguments
    arguments = [argument for argument in arguments if argument != "--debug"]
    try:
        code = app(arguments, standalone_mode=False)
    except (CnnlabError, TyperException) as error:
        if debug:
            raise
        text = error.format_message() if isinstance(error, TyperException) else str(error)
        if text:  # a bare `cnnlab` has printed its help and has nothing to add
            say(f"{'Stopped' if error.exit_code in (0, INTERRUPTED) else 'Error'}: {' '.join(text.split())}")
        code = error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        if debug:
            raise
        say("Interrupted.")
        code = INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has seen enough (`| head`); nothing more can be said to them.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    sys.exit(code if isinstance(code, int) else 0)
