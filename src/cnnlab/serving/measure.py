"""A server started, asked by clients on the same machine, and measured: `cnnlab bench serve`."""

import http.client
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cnnlab.errors import CnnlabError, ConfigError
from cnnlab.serving import TOKEN_VARIABLE
from cnnlab.serving.load import LEAST_SIZE, drawn_images, put_load, request_of
from cnnlab.serving.measured import ServerMeasured
from cnnlab.serving.processes import cpu_seconds, family, memory

_START_SECONDS = 120
_STOP_SECONDS = 30
_HOST = "127.0.0.1"


def measure_server(
    files: Sequence[Path],
    *,
    clients: Sequence[int],
    number: int,
    warm_up: int,
    image_size: int | None = None,
    images: Sequence[bytes] = (),
    workers: int = 1,
    options: Sequence[str] = (),
    say: Callable[[str], None],
) -> ServerMeasured:
    """Start `cnnlab serve`, and let clients on this machine ask its first network.

    Args:
        files: ONNX files.
        clients: how many at once; one load after the other.
        number: requests in each load.
        warm_up: requests before the first one, which are not counted.
        image_size: of drawn images, in pixels; what the network takes, 28 at least, if not given.
        images: encoded images to send in place of drawn ones.
        workers: the server's processes.
        options: of `cnnlab serve`, as it takes them.
        say: takes one line about what takes a while.

    Raises:
        ConfigError: a number is not at least 1.
        ServerFailedError: the server did not start, ended too early, or does not answer these images.
    """
    for name, value in (("--clients", min(clients, default=0)), ("--requests", number)):
        if value < 1:
            raise ConfigError(f"{name}: must be at least 1. Received: {value}.")
    start = time.perf_counter()
    with _ready(files, workers, options) as (server, port):
        ready_seconds = time.perf_counter() - start
        network = _get(port, "/v1/networks")["networks"][0]
        processes = family(server.pid)
        at_start = memory(processes, "VmRSS")
        chosen = list(images) or drawn_images(image_size or max(LEAST_SIZE, network["image_size"]))
        requests = [request_of(image, host=_HOST, port=port, network=network["name"]) for image in chosen]
        asked = put_load(_HOST, port, requests, clients=1, number=len(requests))
        for reason in asked.failures:
            raise ServerFailedError(
                f"An image leads to no answer, so that there is nothing to time: {reason}"
            )
        if warm_up:
            put_load(_HOST, port, requests, clients=max(clients), number=warm_up)
        loads, used_seconds = [], []
        for one in clients:
            say(f"{one} clients, {number:,} requests ...")
            before = cpu_seconds(processes)
            loads.append(put_load(_HOST, port, requests, clients=one, number=number))
            used = cpu_seconds(processes)
            used_seconds.append(None if used is None or before is None else (used - before) / number)
        processes = family(server.pid)
        after, peak = memory(processes, "VmRSS"), memory(processes, "VmHWM")
    return ServerMeasured(
        network["name"], workers, ready_seconds, at_start, tuple(loads), tuple(used_seconds), after, peak
    )


class ServerFailedError(CnnlabError):
    """The server that was to be measured did not start, or did not answer; its own message says why."""

    exit_code = 2


@contextmanager
def _ready(
    files: Sequence[Path], workers: int, options: Sequence[str]
) -> Generator[tuple[subprocess.Popen[str], int]]:
    command = [sys.executable, "-m", "cnnlab", "serve", *map(str, files), "--host", _HOST, "--port", "0"]
    environment = {name: value for name, value in os.environ.items() if name != TOKEN_VARIABLE}
    with tempfile.TemporaryFile("w+") as messages:
        server = subprocess.Popen(
            [*command, "--workers", str(workers), *options, "--json"],
            stdout=subprocess.PIPE,
            stderr=messages,
            text=True,
            env=environment,
        )
        try:
            try:
                port = _port_of(server)
                _wait(server, port)
            except TimeoutError as error:
                messages.seek(0)
                lines = messages.read().strip().splitlines() or [str(error)]
                raise ServerFailedError(
                    f"The server did not start: {lines[-1].removeprefix('Error: ')}"
                ) from None
            yield server, port
        finally:
            server.terminate()
            try:
                server.communicate(timeout=_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                server.kill()
                server.communicate()


def _port_of(server: subprocess.Popen[str]) -> int:
    """Return the port that a server tells on its standard output."""
    assert server.stdout is not None
    text = ""
    for line in server.stdout:
        text += line
        if line == "}\n":
            return int(json.loads(text)["port"])
    raise TimeoutError("it said nothing")


def _wait(server: subprocess.Popen[str], port: int) -> None:
    deadline = time.perf_counter() + _START_SECONDS
    while time.perf_counter() < deadline and server.poll() is None:
        try:
            _get(port, "/readyz")
            return
        except (OSError, http.client.HTTPException, ValueError):
            time.sleep(0.01)
    raise TimeoutError(f"it was not ready within {_START_SECONDS} s, or ended")


def _get(port: int, path: str) -> Any:
    connection = http.client.HTTPConnection(_HOST, port, timeout=_START_SECONDS)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        content = answer.read()
    finally:
        connection.close()
    if answer.status != 200:
        raise ValueError(f"{path}: {answer.status}")
    return json.loads(content)
