"""The command as a process of its own, asked over a socket: clients that misbehave, signals, bad input."""

import http.client
import io
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cnnlab.cli import main
from cnnlab.errors import ConfigError
from cnnlab.serving.server import open_port, token_of

RNG = np.random.default_rng(0)


def png():
    file = io.BytesIO()
    Image.fromarray(RNG.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(file, "PNG")
    return file.getvalue()


def start(*arguments, code="from cnnlab.cli import main; main()", start_new_session=False):
    return subprocess.Popen(
        [sys.executable, "-c", code, "serve", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=start_new_session,
    )


def wait_for(process):
    """Return the port of a server once it answers."""
    line = process.stderr.readline()
    assert "Serving on http://127.0.0.1:" in line and "for this machine only" in line, line
    port = int(line.split("127.0.0.1:")[1].split()[0])
    for _ in range(300):
        try:
            if get(port, "/readyz")[0] == 200:
                return port
        except OSError:
            time.sleep(0.1)
    raise AssertionError("it is never ready")


def ask(port, *request):
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        connection.request(*request)
        answer = connection.getresponse()
        return answer.status, answer.read()


def get(port, path):
    return ask(port, "GET", path)


def post(port, image):
    return ask(port, "POST", "/v1/predict", image, {"Content-Type": "image/png"})


def raw(port, content, *, seconds=5):
    """Send bytes as they are, and return what comes back until the server closes or is silent."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection:
        found = b""
        try:
            connection.sendall(content)
            connection.shutdown(socket.SHUT_WR)
            while piece := connection.recv(65536):
                found += piece
        except OSError:
            pass
    return found


QUICK = ("header_seconds=1", "body_seconds=1", "connections=20")
NOTING = (
    "import sys, atexit\n"
    "atexit.register(lambda: print('torch' in sys.modules, 'onnx' in sys.modules))\n"
    "from cnnlab.cli import main; main()\n"
)

POST = b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n"
MALFORMED = [
    b"\x00" * 100,
    b"GET\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\n\r\n",
    b"GET /%00%ff%zz HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n" + b"x: y\r\n" * 20_000 + b"\r\n",
    POST + b"Content-Length: -1\r\n\r\n",
    POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcde",
    POST + b"Content-Length: 99999999999999999999\r\n\r\n",
    POST + b"Content-Length: 50\r\n\r\nabc",
    POST + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n",
    POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nabc",
    POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
]


def test_a_server_lives_through_bad_clients_and_stops_in_good_order(photos_file):
    process = start(photos_file, "--port", 0, *(f"--limit={one}" for one in QUICK), code=NOTING)
    try:
        port = wait_for(process)
        assert post(port, png())[0] == 200

        for content in MALFORMED:
            answer = raw(port, content)
            assert not answer or answer.split()[1][:1] in (b"2", b"4"), (content[:80], answer[:200])

        refused = raw(port, MALFORMED[0])
        assert refused.startswith(b"HTTP/1.1 400") and b"application/problem+json" in refused

        with ExitStack() as stack:
            for _ in range(20):
                stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))
            refused = raw(port, b"")
        assert refused.startswith(b"HTTP/1.1 503") and b"retry-after: 1" in refused.lower()

        # a header that never ends, and a body that does not
        for content, expected in ((b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n", b""), (POST, b"")):
            with socket.create_connection(("127.0.0.1", port), timeout=10) as slow:
                slow.sendall(content)
                assert slow.recv(1000) == expected
        with socket.create_connection(("127.0.0.1", port), timeout=10) as slow:
            slow.sendall(POST + b"Content-Length: 100\r\n\r\nabc")
            assert slow.recv(1000).startswith(b"HTTP/1.1 408")

        with ThreadPoolExecutor(8) as clients:
            answers = list(clients.map(lambda _: post(port, png()), range(40)))
        assert all(status == 200 for status, _ in answers)

        # a request under way when the signal comes is answered
        image = png()
        with socket.create_connection(("127.0.0.1", port), timeout=10) as late:
            late.sendall(POST + f"Content-Length: {len(image)}\r\n\r\n".encode() + image[:50])
            time.sleep(0.2)
            process.send_signal(signal.SIGTERM)
            time.sleep(0.2)
            late.sendall(image[50:])
            assert late.recv(1000).startswith(b"HTTP/1.1 200")
        output, errors = process.communicate(timeout=20)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 0
    assert "Traceback" not in errors
    assert output.split() == ["False", "False"], "torch or onnx was imported"


def test_bad_input_is_one_line_each(photos_file, tmp_path, capsys):
    def fails(*arguments):
        with pytest.raises(SystemExit) as stopped:
            main(["serve", *map(str, arguments)])
        errors = capsys.readouterr().err
        assert errors.count("\n") == 1, errors
        return stopped.value.code, errors

    (tmp_path / "damaged.onnx").write_bytes(photos_file.read_bytes()[:-9])
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, line = fails(photos_file, "--port", port)
    assert code == 3 and f"--port: {port} of 127.0.0.1 cannot be had: address already in use" in line
    code, line = fails(tmp_path / "damaged.onnx", "--port", 0)
    assert code == 2 and "damaged.onnx: is damaged" in line
    code, line = fails(tmp_path, "--port", 0)
    assert (
        code == 2 and "is no run folder: it has no config.toml. Give a run folder, or an ONNX file." in line
    )
    (tmp_path / "config.toml").write_text("")
    code, line = fails(tmp_path, "--port", 0)
    assert code == 2 and "has no model.safetensors" in line and f"cnnlab resume {tmp_path}" in line
    code, line = fails(photos_file, photos_file, "--port", 0)
    assert code == 2 and "two networks are called 'photos'" in line


def test_a_name_that_is_no_text_is_one_line(photos_file, tmp_path, capsys):
    odd = os.fsdecode(os.fsencode(tmp_path) + b"/x\xff.onnx")
    shutil.copy(photos_file, odd)
    with pytest.raises(SystemExit) as stopped:
        main(["serve", odd, "--port", "0"])
    errors = capsys.readouterr().err
    assert stopped.value.code == 2 and errors.count("\n") == 1 and "must be printable" in errors


def test_as_many_open_files_as_connections_need(photos_file):
    def limited(number):
        command = f"ulimit {number}; exec {sys.executable} -m cnnlab serve {photos_file} --port 0"
        return subprocess.Popen(
            ["bash", "-c", command], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    process = limited("-n 200")
    _output, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert errors.splitlines()[-1].startswith(
        "Error: --limit connections: as many need 1089 open files at once"
    )
    process = limited("-S -n 200")  # which a process may raise by itself
    try:
        port = wait_for(process)
        allowed = Path(f"/proc/{process.pid}/limits").read_text()
        assert re.search(r"Max open files +1089 ", allowed) and get(port, "/healthz")[0] == 200
    finally:
        process.kill()
        process.communicate()


def test_a_client_that_has_closed_its_side_is_answered(photos_file):
    process = start(photos_file, "--port", 0)
    try:
        port = wait_for(process)
        image = png()
        whole = POST + f"Content-Length: {len(image)}\r\n\r\n".encode() + image
        for content, status in (
            (whole, b"200"),
            (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", b"200"),
        ):
            began = time.monotonic()
            assert raw(port, content, seconds=20).startswith(b"HTTP/1.1 " + status)
            assert time.monotonic() - began < 4  # it is closed then, and not after 5 s without a request
        assert raw(port, whole[:-5]) == b""  # nobody is there to send the rest
        bad = b"--x\r\nbad"
        form = POST.replace(b"image/png", b"multipart/form-data; boundary=x")
        assert raw(port, form + b"Content-Length: %d\r\n\r\n" % len(bad) + bad).startswith(b"HTTP/1.1 422")
        process.send_signal(signal.SIGTERM)
        assert process.communicate(timeout=20) == ("", "")  # nothing of it in the log
    finally:
        process.kill()
        process.communicate()


def test_a_wrong_host_or_token_is_one_line(tmp_path):
    for host in ("no such host", "192.0.2.1"):  # an address that is nobody's: RFC 5737
        with pytest.raises(ConfigError, match=rf"^--host: .*Received: '{host}'\.$"):
            open_port(host, 0)
    (tmp_path / "short").write_text("short\n")
    (tmp_path / "good").write_text("0123456789abcdef0\n")
    with pytest.raises(ConfigError, match="at least 16") as caught:
        token_of(tmp_path / "short", "NO_SUCH_VARIABLE")
    assert "short\n" not in str(caught.value)
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        token_of(tmp_path / "none", "NO_SUCH_VARIABLE")
    assert token_of(tmp_path / "good", "NO_SUCH_VARIABLE") == "0123456789abcdef0"
    assert token_of(None, "NO_SUCH_VARIABLE") is None


def test_without_the_extra_there_is_a_remedy(photos_file, monkeypatch, capsys):
    for name in [name for name in sys.modules if name.startswith("cnnlab.serving.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr("cnnlab.serving.server", raising=False)
    monkeypatch.setitem(sys.modules, "fastapi", None)
    with pytest.raises(SystemExit) as stopped:
        main(["serve", str(photos_file)])
    assert stopped.value.code == 3
    assert capsys.readouterr().err == (
        "Error: serve: needs fastapi, which is not installed. Get it with: pip install 'cnnlab[serve]'\n"
    )
