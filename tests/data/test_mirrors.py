"""Each mirror still serves each published file: its length is asked for, no more than one byte is fetched."""

import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests

from cnnlab.data import DATASETS

MIRRORS = [
    (url, file.size)
    for info in DATASETS.values()
    for file_set in info.file_sets
    for file in file_set.files
    for url in file.mirrors
]
TIMEOUT = (10, 20)  # seconds to connect, and between two packets
NO_CONNECTION = "no connection"


def complaint(url: str, size: int, *, timeout: tuple[float, float] = TIMEOUT) -> str | None:
    """Return what is wrong with a mirror, or None."""
    headers = {"Range": "bytes=0-0", "Accept-Encoding": "identity"}
    try:
        with requests.get(url, headers=headers, stream=True, timeout=timeout) as response:
            if response.status_code == 206:  # as in "bytes 0-0/1234"
                length = response.headers.get("Content-Range", "").rpartition("/")[2]
            elif response.status_code == 200:  # it knows no ranges, and what it offers is never read
                length = response.headers.get("Content-Length", "")
            else:
                return f"HTTP {response.status_code}"
    except (requests.ConnectionError, requests.Timeout):
        return NO_CONNECTION
    except requests.RequestException as error:
        return type(error).__name__
    return None if length == str(size) else f"must be {size} bytes long. Received: {length or 'no length'}"


@pytest.mark.network
@pytest.mark.timeout(240)
def test_every_mirror_serves_files_of_the_published_length():
    with ThreadPoolExecutor(len(MIRRORS)) as threads:
        complaints = list(threads.map(complaint, *zip(*MIRRORS, strict=True)))
    if set(complaints) == {NO_CONNECTION}:
        pytest.skip("needs the network: none of the mirrors can be reached")
    lines = [f"{url}: {why}" for (url, _size), why in zip(MIRRORS, complaints, strict=True) if why]
    if lines:
        pytest.fail("\n".join(lines), pytrace=False)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        has_range, length = self.path == "/ranges", 1234
        self.send_response(404 if self.path == "/gone" else 206 if has_range else 200)
        if has_range:
            self.send_header("Content-Range", f"bytes 0-0/{length}")
        if self.path == "/silent":
            self.server.is_over.wait(20)
        if self.path != "/chunked":
            self.send_header("Content-Length", "1" if has_range else str(length))
        self.end_headers()

    def log_message(self, format, *args):
        pass


@pytest.mark.parametrize(
    ("path", "size", "why"),
    [
        ("/ranges", 1234, None),
        ("/whole", 1234, None),
        ("/ranges", 1235, "must be 1235 bytes long. Received: 1234"),
        ("/whole", 1235, "must be 1235 bytes long. Received: 1234"),
        ("/chunked", 1234, "must be 1234 bytes long. Received: no length"),
        ("/gone", 1234, "HTTP 404"),
        ("/silent", 1234, NO_CONNECTION),
    ],
)
def test_what_is_said_of_a_mirror(path, size, why):
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.is_over = threading.Event()
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            url = f"http://127.0.0.1:{server.server_address[1]}{path}"
            assert complaint(url, size, timeout=(1, 0.2)) == why
        finally:
            server.is_over.set()
            server.shutdown()
            thread.join()


def test_nobody_there_is_no_connection():
    assert complaint("http://127.0.0.1:9/set.gz", 1) == NO_CONNECTION
