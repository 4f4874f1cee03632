"""Images in all forms of a body, and what is refused, with the field that it is about."""

import asyncio
import base64
import builtins
import io
import json
import os
import struct
import tempfile
import time
import zlib

import numpy as np
import pytest
from PIL import Image

from cnnlab.serving.limits import Limits

RNG = np.random.default_rng(0)


def encoded(kind="PNG", size=(40, 30)):
    file = io.BytesIO()
    Image.fromarray(RNG.integers(0, 256, (*size, 3), dtype=np.uint8)).save(file, kind)
    return file.getvalue()


def text_of(image):
    return base64.b64encode(image).decode()


def png_of_size(width, height):
    """A PNG whose header states a size that its few bytes do not hold."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    data = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


PHOTO = encoded()
SECOND = encoded("JPEG")


def post(ask, limits=None, **request):
    async def use(client):
        return await client.post("/v1/predict", **request)

    return ask(use, limits)


def problem(answer, status, field):
    found = answer.json()
    assert answer.status_code == found["status"] == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert found.get("field", "") == field and found["title"] and found["detail"]
    return found["detail"]


def test_all_forms_of_a_body_lead_to_the_same_answer(ask, exports):
    expected = [dict(labels) for labels in exports[0].predict(
        [Image.open(io.BytesIO(image)) for image in (PHOTO, SECOND)], top_k=2
    )]  # fmt: skip

    async def use(client):
        files = [("images", ("x.gif", PHOTO, "text/plain")), ("images", ("..", SECOND, "image/png"))]
        both = [
            await client.post("/v1/predict", files=files, data={"top_k": "2"}),
            await client.post("/v1/predict", json={"images": [text_of(PHOTO), text_of(SECOND)], "top_k": 2}),
        ]
        one = [
            await client.post("/v1/predict?top_k=2", content=PHOTO, headers={"content-type": kind})
            for kind in ("image/png", "image/jpeg", "application/octet-stream", "IMAGE/X; a=b")
        ]
        one.append(await client.post("/v1/predict?top_k=2", json={"images": text_of(PHOTO)}))
        return both, one

    both, one = ask(use)
    for answers, number in ((both, 2), (one, 1)):
        for answer in answers:
            assert answer.status_code == 200, answer.text
            assert answer.json()["network"] == "photos"
            rows = answer.json()["predictions"]
            assert len(rows) == number
            for row, labels in zip(rows, expected[:number], strict=True):
                found = {label["label"]: label["probability"] for label in row["labels"]}
                assert found == pytest.approx(labels, abs=1e-5)


def test_the_network_is_chosen_in_the_url_or_the_body(ask):
    async def use(client):
        names = [(await client.get("/v1/networks")).json()["networks"][place]["name"] for place in (0, 1)]
        in_body = await client.post("/v1/predict", json={"images": text_of(DIGIT), "network": "small"})
        in_url = await client.post(
            "/v1/predict?network=small", content=DIGIT, headers={"content-type": "image/png"}
        )
        return names, in_body.json(), in_url.json()

    names, in_body, in_url = ask(use)
    assert names == ["photos", "small"]
    assert in_body["network"] == in_url["network"] == "small"


def drawn():
    strokes = np.full((90, 70), 230, dtype=np.uint8)
    strokes[15:75, 30:38] = 20
    file = io.BytesIO()
    Image.fromarray(strokes).save(file, "PNG")
    return file.getvalue()


DIGIT = drawn()
RAW = {"content-type": "application/octet-stream"}

REFUSED = {
    "no body": ({}, 415, "Content-Type"),
    "a form": ({"data": {"images": "x"}}, 415, "Content-Type"),
    "no image": ({"content": b"", "headers": RAW}, 422, "body"),
    "text, called an image": (
        {"content": b"<html>", "headers": {"content-type": "image/png"}}, 415, "body"
    ),
    "TIFF": ({"content": encoded("TIFF"), "headers": RAW}, 415, "body"),
    "sound": ({"content": b"RIFF\x24\0\0\0WAVEfmt ", "headers": RAW}, 415, "body"),
    "a damaged image": ({"json": {"images": [text_of(PHOTO), text_of(PHOTO[:200])]}}, 422, "images[1]"),
    "no JSON": ({"content": b"{", "headers": {"content-type": "application/json"}}, 422, "body"),
    "not UTF-8": ({"content": b'"\xff"', "headers": {"content-type": "application/json"}}, 422, "body"),
    "deep JSON": ({"content": b"[" * 10**5, "headers": {"content-type": "application/json"}}, 422, "body"),
    "JSON without images": ({"json": {}}, 422, "images"),
    "an unknown field": ({"json": {"images": text_of(PHOTO), "topk": 1}}, 422, "topk"),
    "top_k as text": ({"json": {"images": text_of(PHOTO), "top_k": "1"}}, 422, "top_k"),
    "top_k of 0": ({"json": {"images": text_of(PHOTO), "top_k": 0}}, 422, "top_k"),
    "top_k in the URL": ({"content": PHOTO, "headers": RAW, "params": {"top_k": "-1"}}, 422, "top_k"),
    "top_k twice in the URL": (
        {"content": PHOTO, "headers": RAW, "params": [("top_k", 1), ("top_k", 2)]}, 422, "top_k"
    ),
    "another field in the URL": ({"content": PHOTO, "headers": RAW, "params": {"k": "1"}}, 422, "k"),
    "no base64": ({"json": {"images": ["%%%"]}}, 422, "images[0]"),
    "a data URL": ({"json": {"images": "data:image/png;base64,aaaa"}}, 422, "images"),
    "an unknown network": ({"json": {"images": text_of(PHOTO), "network": "phots"}}, 422, "network"),
    "no digit": (
        {"json": {"images": text_of(png_of_size(1, 1)), "network": "small"}}, 422, "images"
    ),
    "too many images": ({"json": {"images": [text_of(PHOTO)] * 5}}, 413, "images"),
    "no images in a list": ({"json": {"images": []}}, 422, "images"),
    "too many parts": ({"files": [("images", PHOTO)] * 9}, 413, "images"),
    "a part of another name": ({"files": {"picture": PHOTO}}, 422, "picture"),
    "no boundary": (
        {"content": b"--x", "headers": {"content-type": "multipart/form-data"}}, 422, "Content-Type"
    ),
    "a body that ends early": (
        {"content": b"--x\r\n", "headers": {"content-type": "multipart/form-data; boundary=x"}}, 422, "body"
    ),
    "a damaged form": (
        {"content": b"no form", "headers": {"content-type": "multipart/form-data; boundary=x"}}, 422, "body"
    ),
    "a thin picture": ({"content": png_of_size(1_000_000, 1), "headers": RAW}, 422, "body"),
    "50,000 x 50,000 pixels": ({"content": png_of_size(50_000, 50_000), "headers": RAW}, 422, "body"),
}  # fmt: skip


def test_what_is_refused_names_the_field(ask):
    async def use(client):
        return {name: await client.post("/v1/predict", **case[0]) for name, case in REFUSED.items()}

    for name, answer in ask(use, Limits(images=4)).items():
        _request, status, field = REFUSED[name]
        assert "\n" not in problem(answer, status, field), name
    wrong = post(ask, json={"images": text_of(PHOTO), "top_k": "1"})
    assert problem(wrong, 422, "top_k") == 'Input should be a valid integer. Received: "1".'
    wrong = post(ask, json={"images": 7})
    assert problem(wrong, 422, "images") == "Must be text in base64, or a list of such."
    wrong = post(ask, json={"images": text_of(PHOTO), "topk": 1})
    assert problem(wrong, 422, "topk") == "There is no such field; there are images, network, top_k."
    unknown = post(ask, json={"images": text_of(PHOTO), "network": "phots"})
    assert "'photos'" in problem(unknown, 422, "network")


def test_a_bomb_is_refused_before_it_is_decoded(ask):
    file = io.BytesIO()
    Image.new("L", (5000, 5000)).save(file, "PNG")
    assert len(file.getvalue()) < 100_000

    async def use(client):
        start = time.perf_counter()
        answer = await client.post("/v1/predict", content=file.getvalue(), headers=RAW)
        return answer, time.perf_counter() - start

    answer, seconds = ask(use)
    assert "million pixels. Received: 5000 x 5000" in problem(answer, 422, "body")
    assert seconds < 0.5


async def in_pieces(number):
    for _ in range(number):
        yield bytes(1000)


def test_a_body_over_the_limit_is_not_read_to_its_end(ask):
    small = Limits(body_bytes=10_000)
    announced = post(ask, small, content=bytes(10_001), headers=RAW)
    assert "10,001 bytes" in problem(announced, 413, "")
    taken = []

    async def counted():
        async for piece in in_pieces(1000):
            taken.append(len(piece))
            yield piece

    chunked = post(ask, small, content=counted(), headers=RAW)
    problem(chunked, 413, "")
    assert chunked.headers["connection"] == "close"


def test_bodies_together_have_a_limit(ask):
    async def slowly(arrived, go_on):
        yield bytes(6000)
        arrived.set()
        await go_on.wait()
        yield b"x"

    async def use(client):
        arrived, go_on = asyncio.Event(), asyncio.Event()
        slow = asyncio.create_task(client.post("/v1/predict", content=slowly(arrived, go_on), headers=RAW))
        await arrived.wait()
        refused = await client.post("/v1/predict", content=bytes(6000), headers=RAW)
        go_on.set()
        await slow
        afterwards = await client.post("/v1/predict", content=bytes(6000), headers=RAW)
        return refused, afterwards

    refused, afterwards = ask(use, Limits(body_bytes=10_000, total_bytes=10_000))
    problem(refused, 503, "")
    assert refused.headers["retry-after"] == "1"
    problem(afterwards, 415, "body")


def test_no_file_is_written(ask, monkeypatch):
    opened = []
    real_open = os.open
    real = builtins.open
    monkeypatch.setattr(builtins, "open", lambda *args, **kw: opened.append(args) or real(*args, **kw))
    monkeypatch.setattr(os, "open", lambda *args, **kw: opened.append(args) or real_open(*args, **kw))
    monkeypatch.setattr(tempfile, "SpooledTemporaryFile", None)
    large = encoded("BMP", (900, 900))  # 2.4 MB; Starlette would spool it
    answer = post(ask, files={"images": large})
    assert answer.status_code == 200
    written = [args for args in opened if any(isinstance(a, str) and set(a) & set("wax+") for a in args[1:2])]
    assert not written


def test_openapi_examples_are_answered_as_they_say(ask):
    async def use(client):
        document = (await client.get("/openapi.json")).json()
        content = document["paths"]["/v1/predict"]["post"]["requestBody"]["content"]
        examples = content["application/json"]["examples"].values()
        networks = (await client.get("/v1/networks")).json()
        return document, [await client.post("/v1/predict", json=one["value"]) for one in examples], networks

    document, answers, networks = ask(use)
    assert len(answers) == 2 and all(answer.status_code == 200 for answer in answers), answers[0].text
    shown = {
        path: document["paths"][path][method]["responses"]["200"]["content"]["application/json"]["example"]
        for path, method in (("/v1/predict", "post"), ("/v1/networks", "get"))
    }
    assert shown == {"/v1/predict": answers[0].json(), "/v1/networks": networks}
    assert "503" in document["paths"]["/v1/predict"]["post"]["responses"]
    assert "$defs" not in json.dumps(document["paths"]["/v1/predict"])
