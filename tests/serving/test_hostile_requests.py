"""Thousands of requests drawn at random, well-formed and not: no fault, no growth, and answers afterwards."""

import os
import re
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest
from hostile import DECENT, KINDS, hostile_requests
from test_serve_command import get, png, post, start, wait_for

from cnnlab.serving.processes import memory

MOST_GROWTH = 10e6
SHORT = ("header_seconds=1", "body_seconds=1")


@pytest.fixture
def server(photos_file, digits_file):
    process = start(photos_file, digits_file, "--port", 0, *(f"--limit={one}" for one in SHORT))
    process.port = wait_for(process)
    try:
        yield process
        process.terminate()
        _output, errors = process.communicate(timeout=30)
        assert process.returncode == 0 and "Traceback" not in errors, errors[-2000:]
    finally:
        process.kill()
        process.communicate()


def statuses(port, content, *, seconds, only_first=False):
    """Send bytes, and return the statuses of all answers, or of one, until the server closes or is silent."""
    found = b""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection:
        try:
            connection.sendall(content)
            while piece := connection.recv(65536):
                found += piece
                if only_first:
                    break
        except OSError:  # silent, or closed while it was sent to
            pass
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", found)]


def check(port, requests, *, seconds=1.5):
    """Send all requests, some at once, and return how often each status came."""
    counts = {}
    with ThreadPoolExecutor(32) as clients:
        sent = clients.map(lambda content: (content, statuses(port, content, seconds=seconds)), requests)
        for content, found in sent:
            for status in found:
                assert status < 500 or status == 503, (status, content[:300])
                counts[status] = counts.get(status, 0) + 1
    return counts


def test_each_kind_of_hostile_request_is_answered_or_closed(server):
    counts = check(server.port, hostile_requests(len(KINDS), seed=1), seconds=0.5)
    assert counts[400] > 0
    for content in DECENT:
        assert statuses(server.port, content, seconds=20, only_first=True)[0] in (200, 404, 415)
    assert post(server.port, png())[0] == 200


@pytest.mark.slow
def test_five_thousand_hostile_requests(server):
    number = int(os.environ.get("CNNLAB_TEST_REQUESTS", "5000"))
    check(server.port, hostile_requests(number // 5, seed=2))
    before = memory([server.pid], "VmRSS")
    counts = check(server.port, hostile_requests(number, seed=3))
    growth = memory([server.pid], "VmRSS") - before
    print(f"{number} raw requests: {dict(sorted(counts.items()))}, growth {growth / 1e6:.1f} MB")
    assert growth < MOST_GROWTH
    assert get(server.port, "/readyz")[0] == 200 and post(server.port, png())[0] == 200
