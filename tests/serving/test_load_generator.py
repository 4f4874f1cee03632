"""The load generator: what it counts, and that it does not take a bad answer for a good one."""

import asyncio
import json
import shutil
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from exported import export_to, make_run

from cnnlab.cli import main
from cnnlab.serving import TOKEN_VARIABLE
from cnnlab.serving.load import Load, drawn_images, put_load, request_of
from cnnlab.serving.measured import Goals, ServerMeasured

LABEL = b'{"predictions": [{"labels": [{"label": "a"}]}]}'


class Scripted:
    """A server on a thread that answers each request with the next of some answers; None closes."""

    def __init__(self, answers):
        self.answers, self.received = iter(answers), []
        self.ready = threading.Event()

    def __enter__(self):
        self.thread = threading.Thread(target=lambda: asyncio.run(self._serve()))
        self.thread.start()
        assert self.ready.wait(10)
        return self

    def __exit__(self, *_error):
        self.loop.call_soon_threadsafe(self.over.set)
        self.thread.join(10)

    async def _serve(self):
        self.loop, self.over = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self.ready.set()
        await self.over.wait()
        server.close()

    async def _talk(self, reader, writer):
        try:
            while True:
                header = await reader.readuntil(b"\r\n\r\n")
                length = int(header.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                self.received.append((header, await reader.readexactly(length)))
                answer = next(self.answers)
                if answer is None:
                    break
                for start in range(0, len(answer), 20):  # in pieces
                    writer.write(answer[start : start + 20])
                    await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        writer.close()


def answer(status, body):
    return b"HTTP/1.1 %d x\r\nContent-Length: %d\r\n\r\n" % (status, len(body)) + body


def test_requests_are_sent_in_turn_and_failures_are_counted_by_what_they_are():
    busy = json.dumps({"detail": "Come back later."}).encode()
    script = [answer(200, LABEL), answer(503, busy), None, answer(200, b"{}"), answer(200, LABEL)]
    with Scripted(script) as server:
        images = drawn_images(28, number=2)
        requests = [request_of(image, host="127.0.0.1", port=server.port, network="n") for image in images]
        load = put_load("127.0.0.1", server.port, requests, clients=1, number=5)
    assert [body for _header, body in server.received] == [images[index % 2] for index in range(5)]
    assert len(load.seconds) == 2 and load.num_failed == 3
    assert load.failures == {
        "503 Come back later.": 1,
        "the connection was closed": 1,
        "an answer without a label": 1,
    }


def test_percentiles_are_of_the_nearest_rank():
    load = Load(4, tuple(number / 1000 for number in range(100, 0, -1)), {"x": 2}, 2.0)
    assert (load.percentile(50), load.percentile(99), load.percentile(100)) == (0.05, 0.099, 0.1)
    values = load.as_dict()
    assert values["requests_per_s"] == 50 and values["requests"] == 102 and values["p95_s"] == 0.095
    assert Load(4, (), {"x": 2}, 2.0).as_dict()["p99_s"] is None


def test_a_server_is_measured(digits_file, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv(TOKEN_VARIABLE, "a-token-for-others")
    digits_file = Path(shutil.copy(digits_file, tmp_path / "my small & good.onnx"))
    few = ("--clients", "2", "--clients", "3", "--requests", "60", "--warm-up", "5", "--least-rate", "1e9")
    with pytest.raises(SystemExit) as stopped:
        main(["bench", "serve", str(digits_file), *few, "--json"])
    values = json.loads(capsys.readouterr().out)
    assert stopped.value.code == 1 and values["network"] == "my small & good" and values["workers"] == 1
    assert [load["clients"] for load in values["loads"]] == [2, 3]
    assert all(load["requests"] == 60 and load["failed"] == 0 for load in values["loads"])
    assert 0 < values["ready_s"] < 60 and 30e6 < values["memory_bytes"] < 400e6


def test_a_server_that_does_not_start_is_one_line(tmp_path, capsys):
    (tmp_path / "no.onnx").write_bytes(b"x")
    with pytest.raises(SystemExit) as stopped:
        main(["bench", "serve", str(tmp_path / "no.onnx")])
    errors = capsys.readouterr().err
    assert stopped.value.code == 2 and errors.count("\n") == 1 and "did not start" in errors


def test_an_image_without_an_answer_is_one_line_before_anything_is_timed(digits_file, tmp_path, capsys):
    (tmp_path / "text.png").write_text("no image")
    with pytest.raises(SystemExit) as stopped:
        main(["bench", "serve", str(digits_file), "--image", str(tmp_path / "text.png")])
    printed, errors = capsys.readouterr()
    assert stopped.value.code == 2 and not printed and errors.count("\n") == 1
    assert "nothing to time: 415 body: must be a PNG" in errors


def test_a_network_for_small_digits_is_asked_with_digits_that_can_be_found(tmp_path, capsys):
    run = make_run(tmp_path, "convnet_fast", image_size=8, is_digits=True, data="digits")
    file = export_to(tmp_path / "small.onnx", run)
    with pytest.raises(SystemExit) as stopped:
        main(["bench", "serve", str(file), "--clients", "1", "--requests", "5", "--warm-up", "0", "--json"])
    assert not stopped.value.code and json.loads(capsys.readouterr().out)["loads"][0]["failed"] == 0


def test_goals_that_are_missed_are_told():
    loads = (Load(8, (0.01, 0.03), {}, 0.5), Load(32, (0.4,), {}, 0.5))
    measured = ServerMeasured("n", 1, 2.5, 160_000_000, loads, (None, None), 2, 3)
    assert measured.shortfalls(Goals()) == []
    assert measured.shortfalls(Goals(400, 2, 2.5, 160)) == []
    assert measured.shortfalls(Goals(250, 3, 2, 150)) == [
        "ready: 2.5 s; at most 2 s was asked.",
        "memory when ready: 160 MB; at most 150 MB was asked.",
        "32 clients, p99: 400 ms; at most 250 ms was asked.",
        "32 clients: 2 requests/s; at least 3 requests/s was asked.",
    ]
    unknown = replace(measured, memory_bytes=None).shortfalls(Goals(ready_megabytes=150))
    assert unknown == ["memory when ready: unknown MB; at most 150 MB was asked."]


def test_what_was_measured_as_a_table():
    loads = (Load(8, (0.01, 0.03), {"503 busy": 1}, 0.5), Load(32, (), {"503 busy": 3}, 0.5))
    header, rows, notes = ServerMeasured("n", 2, 1.25, 100_000_000, loads, (0.002, None), 2, 3).table()
    assert rows[0] == ["8", "4", "10.0", "30.0", "30.0", "30.0", "2.00", "1 of 3"]
    assert rows[1] == ["32", "0", "-", "-", "-", "-", "-", "3 of 3"]
    assert len(header) == 8 and "ready in 1.25 s" in notes[0] and notes[-1] == "Failed: 4 times: 503 busy"
