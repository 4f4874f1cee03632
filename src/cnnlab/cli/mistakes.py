"""From an error to one line for a person and an exit code."""

import typer
from typer.exceptions import TyperException

from cnnlab.errors import CnnlabError, StoppedError
from cnnlab.machine import is_out_of_memory, memory_asked

MISSING, INTERNAL, INTERRUPTED = 3, 70, 130

_RULES = {
    "int_parsing": "must be a whole number",
    "int_parsing_size": "must be a whole number of fewer digits",
    "float_parsing": "must be a number",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
}
"""What pydantic calls a mistake in an option, and the rule it breaks."""


def as_line(error: BaseException, arguments: list[str]) -> tuple[int, str]:
    """Return the exit code for an error, and the line that says what it is; an empty one if nothing does."""
    text = _one_line(str(error))
    if isinstance(error, KeyboardInterrupt | typer.Abort):
        return INTERRUPTED, "Interrupted."
    if isinstance(error, StoppedError):
        return error.exit_code, text
    if isinstance(error, TyperException):
        return error.exit_code, f"Error: {_about_usage(error)}"
    if isinstance(error, CnnlabError):
        return error.exit_code, text and f"Error: {text}"
    if is_out_of_memory(error):
        asked = memory_asked(error)
        takes_size = arguments[:1] in (["train"], ["compare"])
        remedy = "Try a smaller --batch-size." if takes_size else "Close other programs, or ask for less."
        return (
            MISSING,
            f"Error: out of memory{': ' + asked + ' more were asked for' if asked else ''}. {remedy}",
        )
    if isinstance(error, OSError) and error.strerror:
        place = "the operating system" if error.filename is None else error.filename
        return MISSING, f"Error: {place}: {error.strerror}."
    return INTERNAL, f"Error: a fault of cnnlab itself: {type(error).__name__}: {text}. See it with --debug."


def _one_line(text: str) -> str:
    return " ".join(line.strip() for line in text.splitlines())


def _about_usage(error: TyperException) -> str:
    """Say what is wrong with the command line; for a value: the option, the rule, the value received."""
    list_mistakes = getattr(error.__cause__, "errors", None)  # of pydantic, which --help need not import
    if list_mistakes is None or not isinstance(error, typer.BadParameter) or error.param is None:
        return _one_line(error.format_message())
    mistake = list_mistakes()[0]
    rule = mistake["msg"].removeprefix("Value error, ").rstrip(".")
    if mistake["type"] in _RULES:
        rule = _RULES[mistake["type"]].format(**mistake.get("ctx", {}))
    place = error.param.get_error_hint().replace("'", "")
    return f"{place}: {rule}. Received: {mistake['input']!r:.80}."
