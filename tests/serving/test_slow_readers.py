"""Clients that ask for much and take nothing: they must not keep others out, nor the server from stopping."""

import asyncio
import signal
import socket
import time
from contextlib import ExitStack

import pytest
from test_serve_command import get, start, wait_for

from cnnlab.serving.protocol import _Together

CONNECTIONS = 5
NUM_ASKED = 20
"""Times 1 MB: more than the systems of both ends hold back."""


@pytest.mark.parametrize("has_closed_its_side", [False, True])
def test_clients_that_take_nothing_are_let_go(has_closed_its_side, photos_file):
    limits = ("send_seconds=1", f"connections={CONNECTIONS}", "stop_seconds=3")
    process = start(photos_file, "--port", 0, *(f"--limit={one}" for one in limits))
    try:
        port = wait_for(process)
        time.sleep(0.2)  # the connections by which it was found to be ready are closed
        request = f"GET /page/networks/{photos_file.name} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        with ExitStack() as stack:
            stuck = [stack.enter_context(never_reading(port, request)) for _ in range(CONNECTIONS)]
            for connection in stuck:
                connection.shutdown(socket.SHUT_WR) if has_closed_its_side else None
            assert get(port, "/healthz")[0] == 503
            assert is_answered_within(port, seconds=15)
            process.send_signal(signal.SIGTERM)
            assert process.communicate(timeout=15) == ("", "") and process.returncode == 0
            for connection in stuck:
                assert taken(connection) < NUM_ASKED * photos_file.stat().st_size
    finally:
        process.kill()
        process.communicate()


def test_an_answer_that_is_taken_slowly_is_whole(photos_file):
    process = start(photos_file, "--port", 0, "--limit=send_seconds=4")
    try:
        port = wait_for(process)
        request = f"GET /page/networks/{photos_file.name} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode()
        with never_reading(port, request) as connection:
            time.sleep(1)  # within the limit, each time
            found = connection.recv(100_000)
            time.sleep(1)
            while piece := connection.recv(2**20):
                found += piece
        assert found.endswith(photos_file.read_bytes())
        process.send_signal(signal.SIGTERM)
        assert process.communicate(timeout=20) == ("", "")
    finally:
        process.kill()
        process.communicate()


class Unread:
    """A transport whose client has not taken all."""

    def __init__(self):
        self.num_aborted = 0

    def close(self):
        pass

    def abort(self):
        self.num_aborted += 1

    def get_write_buffer_size(self):
        return 5


@pytest.mark.parametrize("is_gone, aborted", [(False, 1), (True, 0)])
def test_a_close_that_the_client_delays_ends_and_a_connection_that_is_gone_is_let_be(is_gone, aborted):
    async def use():
        transport = Unread()
        together = _Together(transport, asyncio.get_running_loop(), 0.05)
        together.close()
        together.close()
        if is_gone:
            together.forget()
        await asyncio.sleep(0.3)
        return transport.num_aborted

    assert asyncio.run(use()) == aborted


def never_reading(port, request):
    """Return a connection that has asked, with as little room for the answer as there may be."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(10)
    connection.connect(("127.0.0.1", port))
    connection.sendall(request * NUM_ASKED)
    return connection


def is_answered_within(port, *, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if get(port, "/healthz")[0] == 200:
            return True
        time.sleep(0.2)
    return False


def taken(connection):
    """Return the bytes that come until the connection ends."""
    count = 0
    try:
        while piece := connection.recv(2**20):
            count += len(piece)
    except OSError:
        pass
    return count
