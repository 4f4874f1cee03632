"""Explanations by another process: what they are, what is refused, what happens when that process dies."""

import asyncio
import base64
import io
import os
import signal
import sys
import time

import httpx
import numpy as np
import pytest
from exported import export_to, make_run
from PIL import Image

from cnnlab.export import load_export
from cnnlab.pictures import decode_picture
from cnnlab.serving import explainer
from cnnlab.serving.app import make_app
from cnnlab.serving.example import example_image
from cnnlab.serving.explainer import Explainer, run_beside
from cnnlab.serving.limits import Limits
from cnnlab.serving.problems import Problem

PICTURE = {"content": example_image(), "headers": {"content-type": "image/png"}}


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A file in its run folder, and one in the folder of another run of the same classes."""
    run = make_run(tmp_path_factory.mktemp("explained"), "convnet_fast", is_digits=True)
    inside = export_to(run.folder.path / "inside.onnx", run)
    other = make_run(tmp_path_factory.mktemp("other"), "lenet5", is_digits=True)
    return [load_export(inside), load_export(export_to(other.folder.path / "moved.onnx", run))]


def talk(use, served, limits=None):
    async def run():
        app = make_app(served, limits)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(
                transport=httpx.ASGITransport(app), base_url="http://localhost", timeout=150
            ) as client,
        ):
            return await use(client)

    return asyncio.run(run())


def test_an_answer_is_explained(served):
    async def use(client):
        answers = [
            await client.post(f"/v1/explain?{fields}", **PICTURE)
            for fields in ("", "label=class b", "method=activations&layers=features.conv1, head.fc")
        ]
        picture = await client.post(
            "/v1/explain", files={"images": example_image()}, headers={"accept": "image/png"}
        )
        moved = await client.post("/v1/explain?network=moved", **PICTURE)
        predicted = await client.post("/v1/predict?top_k=1", **PICTURE)
        return answers, picture, moved, predicted

    answers, picture, moved, predicted = talk(use, served, Limits(explain_seconds=120))
    assert [answer.status_code for answer in answers] == [200] * 3, answers[0].text
    cam, other, layers = (answer.json() for answer in answers)
    (best,) = predicted.json()["predictions"][0]["labels"]
    assert cam["label"] == best["label"] and cam["probability"] == pytest.approx(
        best["probability"], abs=1e-5
    )
    assert cam["maps"][0]["shape"] == [1, 28, 28] and other["label"] == "class b"
    assert [one["layer"] for one in layers["maps"]] == ["features.conv1", "head.fc"]
    seen = np.asarray(Image.open(io.BytesIO(base64.b64decode(cam["image"]))))
    assert np.array_equal(seen, served[0].pixels(Image.open(io.BytesIO(example_image())))[0])

    assert picture.headers["content-type"] == "image/png"
    assert picture.content == base64.b64decode(cam["maps"][0]["overlay"])
    assert decode_picture(picture.content).shape == (3, 224, 224)

    assert moved.status_code == 404 and "not of the weights in" in moved.json()["detail"]


@pytest.mark.parametrize(
    "fields, status, field",
    [
        ("method=x", 422, "method"),
        ("layers=head.fc", 422, "layers"),
        ("method=activations&label=class b", 422, "label"),
        ("top_k=1", 422, "top_k"),
        ("network=none", 422, "network"),
    ],
)
def test_what_cannot_be_asked_is_refused_without_the_process(served, fields, status, field):
    answer = talk(lambda client: client.post(f"/v1/explain?{fields}", **PICTURE), served)
    assert answer.status_code == status and answer.json()["field"] == field


@pytest.mark.parametrize("layers", ["", "&layers=features.conv1,head.fc"])
def test_a_picture_of_several_layers_is_refused_without_the_process(served, layers):
    headers = PICTURE["headers"] | {"accept": "image/png"}
    url = f"/v1/explain?method=activations{layers}"
    answer = talk(lambda client: client.post(url, content=example_image(), headers=headers), served)
    assert answer.status_code == 422 and answer.json()["field"] == "layers"


def test_without_a_run_folder_or_torch_it_is_said(ask, served, monkeypatch):
    answer = ask(lambda client: client.post("/v1/explain?network=small", **PICTURE))
    assert answer.status_code == 404 and answer.json()["field"] == "network"
    assert "its run folder is not here" in answer.json()["detail"]
    monkeypatch.setattr("cnnlab.serving.networks.has_torch", lambda: False)
    answer = talk(lambda client: client.post("/v1/explain", **PICTURE), served)
    assert answer.status_code == 404 and "torch is not installed" in answer.json()["detail"]


def test_networks_say_whether_they_are_explained(served, exports):
    facts = talk(lambda client: client.get("/v1/networks"), [served[0], exports[0]]).json()["networks"]
    assert [fact["is_explained"] for fact in facts] == [True, False]


def test_a_run_folder_lies_around_its_file_or_beside_it(served, tmp_path):
    run = served[0].path.parent
    assert run_beside(run / "any.onnx") == run
    assert run_beside(run.with_suffix(".onnx")) == run
    assert run_beside(tmp_path / "x.onnx") is None


def ask_twice(monkeypatch, program, *, at_once=1, seconds=5.0):
    """Ask a process that runs another program; return what each question led to."""
    monkeypatch.setattr(explainer, "_COMMAND", (sys.executable, "-c", program))

    async def use():
        asked = Explainer(Limits(explain_seconds=seconds))
        try:
            return await asyncio.gather(
                *(asked.ask({"n": number}, b"") for number in range(at_once)), return_exceptions=True
            ), asked.pid
        finally:
            await asked.stop()

    return asyncio.run(use())


def test_a_process_that_is_too_slow_is_ended(monkeypatch):
    (problem,), pid = ask_twice(monkeypatch, "import time; time.sleep(60)", seconds=0.3)
    assert isinstance(problem, Problem) and problem.status == 503 and "within 0.3 s" in problem.detail
    assert problem.headers["Retry-After"] == "1" and pid is None


def test_waiting_for_a_slow_process_ends_too(monkeypatch):
    start = time.monotonic()
    problems, _pid = ask_twice(monkeypatch, "import time; time.sleep(60)", seconds=2, at_once=8)
    assert time.monotonic() - start < 10  # each after the other would be 16
    assert [problem.status for problem in problems] == [503] * 8
    assert any("Other explanations took longer than 2 s" in problem.detail for problem in problems)


def test_a_process_that_dies_again_is_given_up(monkeypatch):
    (problem,), pid = ask_twice(monkeypatch, "import sys; sys.exit(1)")
    assert problem.status == 503 and "ended before it had answered" in problem.detail and pid is None


ECHO = """
import sys
while head := sys.stdin.buffer.read(4):
    text = sys.stdin.buffer.read(int.from_bytes(head, "big"))
    sys.stdout.buffer.write(head + text)
    sys.stdout.flush()
"""


def test_a_process_that_has_died_is_started_anew(monkeypatch):
    monkeypatch.setattr(explainer, "_COMMAND", (sys.executable, "-c", ECHO))

    async def use():
        asked = Explainer(Limits())
        answers, pids = [], []
        for number in range(3):
            answers.append(await asked.ask({"n": number}, b""))
            pids.append(asked.pid)
            os.kill(pids[-1], signal.SIGKILL)
        await asked.stop()
        return answers, pids

    answers, pids = asyncio.run(use())
    assert answers == [{"n": number} for number in range(3)] and len(set(pids)) == 3


def test_questions_wait_for_each_other_and_not_without_end(monkeypatch):
    answers, _pid = ask_twice(monkeypatch, ECHO, at_once=12)
    assert answers[:8] == [{"n": number} for number in range(8)]
    assert all(answer.status == 503 for answer in answers[8:])
