"""TOML in, and the `FIELD=VALUE` of the command line."""

import ast
import re
import tomllib
from typing import Any

from cnnlab.errors import ConfigError
from cnnlab.values import shown


def parse_toml(text: str, *, source: str) -> dict[str, Any]:
    """Parse TOML.

    Raises:
        ConfigError: the text is not TOML; the message names `source` and the line.
    """
    if not isinstance(text, str):
        raise ConfigError(f"{source}: TOML is text. Received: {shown(text)}.")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        reason = _in_our_words(str(error))
    except ValueError:
        reason = "a number has thousands of digits"
    except RecursionError:
        reason = "brackets stand in brackets too many times"
    raise ConfigError(f"{source}: not valid TOML: {reason}.")


def parse_setting(text: str, *, option: str = "--set") -> tuple[str, Any]:
    """Split `optim.lr=0.1` into a field name and a value, read as TOML where it is TOML, else as text.

    Two spellings that TOML does not know are understood as well: `.5` and `True`.

    Raises:
        ConfigError: there is no `=`, or nothing before it.
    """
    name, equals, value = (part.strip() for part in text.partition("="))
    if not equals or not name:
        raise ConfigError(f"{option} takes FIELD=VALUE, such as {option} optim.lr=0.01. Received: {text!r}.")
    if re.fullmatch(r"[+-]?(\d+\.|\.\d+)(e[+-]?\d+)?", value, re.IGNORECASE):
        return name, float(value)
    if value in ("True", "False"):
        return name, value == "True"
    try:
        parsed = tomllib.loads(f"value = {value}")
    except (ValueError, RecursionError):
        return name, value
    return name, parsed["value"] if parsed.keys() == {"value"} else value


def _in_our_words(message: str) -> str:
    """Return a message of tomllib with dotted names where it has Python's tuples."""
    dotted = re.sub(
        r"\(('[^']*', ?)('[^']*'(, )?)*\)",
        lambda names: repr(".".join(ast.literal_eval(names.group()))),
        message,
    )
    return f"{dotted[:1].lower()}{dotted[1:]}"
