"""TOML in, and the `FIELD=VALUE` of the command line."""

import re
import tomllib
from typing import Any

from cnnlab.errors import ConfigError


def parse_toml(text: str, *, source: str) -> dict[str, Any]:
    """Parse TOML.

    Raises:
        ConfigError: the text is not TOML; the message names `source` and the line.
    """
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # ValueError also for a number of thousands of digits
        raise ConfigError(f"{source}: not valid TOML: {error}.") from None


def parse_setting(text: str) -> tuple[str, Any]:
    """Split `optim.lr=0.1` into a field name and a value, read as TOML where it is TOML, else as text.

    Two spellings that TOML does not know are understood as well: `.5` and `True`.

    Raises:
        ConfigError: there is no `=`, or nothing before it.
    """
    name, equals, value = (part.strip() for part in text.partition("="))
    if not equals or not name:
        raise ConfigError(f"--set takes FIELD=VALUE, such as --set optim.lr=0.01. Received: {text!r}.")
    if re.fullmatch(r"[+-]?(\d+\.|\.\d+)(e[+-]?\d+)?", value, re.IGNORECASE):
        return name, float(value)
    if value in ("True", "False"):
        return name, value == "True"
    try:
        parsed = tomllib.loads(f"value = {value}")
    except (ValueError, RecursionError):
        return name, value
    return name, parsed["value"] if parsed.keys() == {"value"} else value
