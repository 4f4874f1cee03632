"""Which names a server answers to.

A page of another site can make its own name stand for 127.0.0.1, and the browser then lets it read what a
server there answers (DNS rebinding). The browser still sends the site's name as Host: it is refused.
"""

import ipaddress
import re
from collections.abc import Sequence

from cnnlab.errors import ConfigError

_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
_NAME = re.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?|\[[0-9a-f:.]+\]")


def is_loopback(address: str) -> bool:
    """True for an address that only this machine reaches."""
    return ipaddress.ip_address(address.partition("%")[0]).is_loopback


def allowed_hosts(address: str, names: Sequence[str] = ()) -> tuple[str, ...] | None:
    """Return the names that are answered to; None for any, as where other machines reach the server.

    Args:
        address: that the server listens on.
        names: besides those of this machine, such as that of a proxy in front; with them, no others anywhere.

    Raises:
        ConfigError: a name has a port or a scheme, or cannot be one.
    """
    chosen = tuple(host_name(name) for name in names)
    for name, plain in zip(names, chosen, strict=True):
        if plain != name.strip().lower().removesuffix(".") or not _NAME.fullmatch(plain):
            raise ConfigError(
                "--allow-host: must be a name or an address as it stands in a URL, without http:// and port. "
                f"Received: {name!r}."
            )
    if not chosen and not is_loopback(address):
        return None
    own = f"[{address}]" if ":" in address else address
    return tuple(sorted({*_LOOPBACK, own, *chosen}))


def host_name(value: str) -> str:
    """Return the name in a Host header: without the port, lower case."""
    name, _colon, port = value.strip().lower().rpartition(":")
    is_whole = not port.isdecimal() or not name or (":" in name and not name.endswith("]"))
    return (value.strip().lower() if is_whole else name).removesuffix(".")
