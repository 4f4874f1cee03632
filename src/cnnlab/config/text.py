"""TOML in, and the `FIELD=VALUE` of the command line."""

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
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{source}: not valid TOML: {error}.") from None


def parse_setting(text: str) -> tuple[str, Any]:
    """Split `optim.lr=0.1` into a field name and a value, read as TOML where it is TOML, else as text.

    Raises:
        ConfigError: there is no `=`.
    """
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise ConfigError(f"--set takes FIELD=VALUE, such as --set optim.lr=0.01. Received: {text!r}.")
    try:
        return name.strip(), tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return name.strip(), value.strip()
