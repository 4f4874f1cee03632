"""The command `cnnlab`: its commands, and how errors become one line and an exit code."""

import os
import sys

import typer
from typer.exceptions import TyperException

from cnnlab.cli import compare, data, doctor, evaluate, models, predict, recipes, resume, runs, train
from cnnlab.cli.output import say
from cnnlab.errors import CnnlabError

MISSING, INTERNAL, INTERRUPTED = 3, 70, 130

app = typer.Typer(
    name="cnnlab",
    no_args_is_help=True,
    rich_markup_mode=None,  # its help takes twice as long to appear
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
    epilog="Exit codes: 0 done, 1 a check fell short, 2 bad input, 3 something is missing, 70 a fault of "
    "cnnlab itself, 130 interrupted."
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
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in arguments
    arguments = [argument for argument in arguments if argument != "--debug"]
    try:
        code = app(arguments, standalone_mode=False)
    except BrokenPipeError:
        # Whoever read our output has seen enough (`| head`); nothing more can be said to them.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except (Exception, KeyboardInterrupt) as error:
        if debug:
            raise
        code, line = _explained(error)
        if line:
            say(line)
    sys.exit(code if isinstance(code, int) else 0)


def _explained(error: BaseException) -> tuple[int, str]:
    """Return the exit code for an error, and the line that says what it is."""
    if isinstance(error, KeyboardInterrupt | typer.Abort):
        return INTERRUPTED, "Interrupted."
    if isinstance(error, CnnlabError | TyperException):
        text = error.format_message() if isinstance(error, TyperException) else str(error)
        word = "Stopped" if error.exit_code in (0, INTERRUPTED) else "Error"
        # A bare `cnnlab` has printed its help and has nothing to add.
        return error.exit_code, f"{word}: {' '.join(text.split())}" if text else ""
    text = " ".join(str(error).split())
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return MISSING, f"Error: out of memory: {text or 'no more is to be had'}. Try a smaller --batch-size."
    if isinstance(error, OSError) and error.filename is not None:
        return MISSING, f"Error: {error.filename}: {error.strerror}."
    return INTERNAL, f"Error: a fault of cnnlab itself: {type(error).__name__}: {text}. See it with --debug."
