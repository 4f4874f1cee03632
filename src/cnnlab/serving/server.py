"""uvicorn around the app: the port, the processes, and how they stop."""

import errno
import json
import multiprocessing
import os
import signal
import socket
import tempfile
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI
from prometheus_client.multiprocess import mark_process_dead
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from cnnlab.errors import ConfigError, MissingResourceError, StoppedError
from cnnlab.export import load_export
from cnnlab.serving.app import make_app
from cnnlab.serving.hosts import is_loopback
from cnnlab.serving.limits import Limits
from cnnlab.serving.metrics import SHARED_FOLDER
from cnnlab.serving.processes import let_open_files
from cnnlab.serving.protocol import ImpatientProtocol

_SETTINGS = "CNNLAB_SERVING"
"""The environment variable by which workers are told what to serve."""

_BACKLOG = 512
_OTHER_FILES = 64
"""Open files besides those of connections, which are a socket for each, and a file that is given to it."""
_SILENT_SECONDS = 30
"""A worker that does not answer its parent for so long is replaced; one that only has much to do is not."""
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_LEAST_TOKEN = 16


@dataclass(frozen=True)
class Settings:
    """What one worker serves.

    Attributes:
        paths: ONNX files.
        threads: of the processor, for one batch of one network.
        limits: what a request may cost.
        token: that clients must send; None lets everyone in.
        hosts: names that are answered to; None for any.
    """

    paths: tuple[str, ...]
    threads: int
    limits: Limits = field(default_factory=Limits)
    token: str | None = None
    hosts: tuple[str, ...] | None = None

    def app(self) -> FastAPI:
        """Load the networks, and return the application; the process takes its limits.

        Raises:
            ConfigError: two networks have one name.
            ExportError: a file is damaged, or none of cnnlab's.
        """
        ImpatientProtocol.obey(self.limits)
        exports = [load_export(path, threads=self.threads) for path in self.paths]
        return make_app(exports, self.limits, token=self.token, hosts=self.hosts)


def worker_app() -> FastAPI:
    """Return the application of a worker process, as its environment says."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_stop_after, args=(parent,), daemon=True).start()
    values = json.loads(os.environ[_SETTINGS])
    return Settings(**values | {"limits": Limits(**values["limits"])}).app()


def _stop_after(parent: Any) -> None:
    """Wait for a worker's parent to end, however it does, and stop too: nobody could stop it otherwise."""
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)


def open_port(host: str, port: int) -> socket.socket:
    """Return a socket that listens, before anything slow is done.

    Args:
        host: a name or an address.
        port: 0 takes a free one.

    Raises:
        ConfigError: there is no such host.
        MissingResourceError: the port is in use, or not for this user.
    """
    try:
        family, _kind, _protocol, _name, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError):
        raise ConfigError(
            f"--host: must be a name or an address of this machine. Received: {host!r}."
        ) from None
    try:
        return socket.create_server(address[:2], family=family, backlog=_BACKLOG)
    except OSError as error:
        if error.errno == errno.EADDRNOTAVAIL:
            raise ConfigError(f"--host: must be an address of this machine. Received: {host!r}.") from None
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise MissingResourceError(
            f"--port: {port} of {host} cannot be had: {reason.lower()}. Choose another, or 0 for any."
        ) from None


class _Server(uvicorn.Server):
    """Ends with an exit code after SIGTERM, where uvicorn would send the signal to itself once more."""

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        handlers = {number: signal.signal(number, self.handle_exit) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)


class _Workers(Multiprocess):
    """Tells why it ended, where uvicorn returns in silence."""

    was_interrupted = False

    def keep_subprocess_alive(self) -> None:
        before = {process.pid for process in self.processes}
        super().keep_subprocess_alive()
        for pid in before - {process.pid for process in self.processes}:
            mark_process_dead(pid)  # what it had pending is gone with it

    def handle_int(self) -> None:
        self.was_interrupted = True
        super().handle_int()

    def run_to_the_end(self) -> None:
        self.run()
        if self.was_interrupted:
            raise StoppedError("Interrupted.", exit_code=130)
        if any(process.exitcode == STARTUP_FAILURE for process in self.processes):
            raise MissingResourceError("The workers could not be started: is there memory for all of them?")


def serve(settings: Settings, port: socket.socket, *, workers: int = 1, say: Callable[[str], None]) -> None:
    """Answer requests until a signal comes; then answer those under way, and return.

    Args:
        settings: what is served.
        port: as `open_port` returns it.
        workers: processes; each has its own copy of the networks.
        say: takes one line about the server.

    Raises:
        StoppedError: after Ctrl-C.
        ConfigError: the system allows too few open files.
        MissingResourceError: the workers could not be started.
    """
    let_open_files(2 * settings.limits.connections + _OTHER_FILES + len(settings.paths))
    app = settings.app()  # here too where there are workers, so that a damaged file is one line
    limits = settings.limits
    options: dict[str, Any] = {
        "http": ImpatientProtocol,
        "ws": "none",
        "lifespan": "on",
        "log_level": "error",  # a line for each malformed request would let clients fill the log
        "access_log": False,
        "server_header": False,
        "timeout_worker_healthcheck": _SILENT_SECONDS,
        "timeout_graceful_shutdown": limits.stop_seconds,
        "backlog": _BACKLOG,
    }
    address = port.getsockname()
    host = f"[{address[0]}]" if ":" in address[0] else address[0]
    say(f"Serving on http://{host}:{address[1]} ({_reach(address[0])}); stop it with Ctrl-C.")
    if workers == 1:
        server = _Server(uvicorn.Config(app, **options))
        server.run([port])
        if signal.SIGINT in server._captured_signals:
            raise StoppedError("Interrupted.", exit_code=130)
        return
    del app
    with _shared_counters():
        os.environ[_SETTINGS] = json.dumps(asdict(settings))
        config = uvicorn.Config(f"{__name__}:worker_app", factory=True, workers=workers, **options)
        _Workers(config, sockets=[port]).run_to_the_end()


def _reach(address: str) -> str:
    if is_loopback(address):
        return "for this machine only; --host 0.0.0.0 opens it to others"
    return "other machines can reach it"


@contextmanager
def _shared_counters() -> Generator[None, None, None]:
    """Keep counters of all workers in one temporary folder, so that `/metrics` of any shows them."""
    with tempfile.TemporaryDirectory(prefix="cnnlab-metrics-") as folder:
        os.environ[SHARED_FOLDER] = folder
        try:
            yield
        finally:
            del os.environ[SHARED_FOLDER]


def token_of(file: Path | None, environment: str) -> str | None:
    """Return the token that clients must send, from a file or an environment variable; None if there is none.

    Raises:
        ConfigError: the file cannot be read, or the token is empty or no visible ASCII.
    """
    if file is None and environment not in os.environ:
        return None
    place = environment if file is None else f"--token-file: {file}"
    try:
        token = os.environ[environment] if file is None else file.read_text()
    except (OSError, UnicodeError) as error:
        raise ConfigError(f"{place}: cannot be read: {getattr(error, 'strerror', None) or error}.") from None
    token = token.strip()
    if not token.isascii() or not token.isprintable() or " " in token or len(token) < _LEAST_TOKEN:
        raise ConfigError(
            f"{place}: a token must be one word of at least {_LEAST_TOKEN} visible ASCII characters, "
            f"as `openssl rand -hex 32` makes them. Received: {len(token)} characters."
        )
    return token
