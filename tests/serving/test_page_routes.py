"""The page's routes: what they give, with which headers, and to whom."""

import json

import pytest

from cnnlab.errors import ExportError
from cnnlab.page import GalleryImage, gallery_beside, gallery_json, has_runtime, page_files
from cnnlab.serving.app import make_app

TOKEN = "correct-horse-battery"


def get(ask, *paths, headers=None, **options):
    async def use(client):
        return [await client.get(path, headers=headers) for path in paths]

    return ask(use, **options)


def test_every_file_is_given_with_its_type_and_a_strict_policy(ask):
    files = page_files()
    answers = get(ask, "/", *(f"/{name}" for name in files if name != "index.html"))
    assert [answer.status_code for answer in answers] == [200] * len(files)
    assert answers[0].content == files["index.html"] and answers[0].headers["content-type"].startswith(
        "text/html"
    )
    types = {answer.headers["content-type"].partition(";")[0] for answer in answers}
    assert types == {"text/html", "text/css", "text/javascript", "application/json", "image/svg+xml"}
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'") and "frame-ancestors 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_networks_are_listed_and_given_as_their_files_are(ask, exports):
    (answer,) = get(ask, "/page/networks.json")
    listed = answer.json()
    assert listed["server"] is True and listed["runtime"] == has_runtime()
    assert [entry["file"] for entry in listed["networks"]] == ["photos.onnx", "small.onnx"]
    for entry, export in zip(listed["networks"], exports, strict=True):
        assert entry["description"] == json.loads(export.description.to_json())
        (file,) = get(ask, f"/page/networks/{entry['file']}")
        assert file.content == export.path.read_bytes() and len(file.content) == entry["bytes"]


def test_a_file_that_is_no_longer_what_was_looked_at_is_not_given(ask, exports):
    path = exports[1].path
    content = path.read_bytes()

    async def use(client):
        path.unlink()
        gone = await client.get(f"/page/networks/{path.name}")
        path.write_bytes(content[:-1])
        changed = await client.get(f"/page/networks/{path.name}")
        return gone, changed, await client.get("/page/networks/photos.onnx")

    try:
        gone, changed, other = ask(use)
    finally:
        path.write_bytes(content)
    assert other.status_code == 200
    for answer in (gone, changed):
        assert answer.status_code == 404 and "start it again" in answer.json()["detail"]


def test_nothing_else_is_given(ask):
    paths = (
        "/page/networks/other.onnx",
        "/page/networks/..%2fconftest.py",
        "/page/runtime/page.css",
        "/page/",
    )
    for answer in get(ask, *paths):
        assert answer.status_code == 404 and answer.headers["content-type"] == "application/problem+json"


def test_with_a_token_the_page_is_open_and_networks_are_not(ask):
    closed = ("/page/networks.json", "/page/networks/small.onnx")
    assert [answer.status_code for answer in get(ask, "/", "/page/main.js", *closed, token=TOKEN)] == [
        200,
        200,
        401,
        401,
    ]
    headers = {"Authorization": f"Bearer {TOKEN}"}
    assert [answer.status_code for answer in get(ask, *closed, token=TOKEN, headers=headers)] == [200, 200]


def test_test_images_beside_a_network_are_given_if_they_are_whole(ask, exports):
    path = gallery_beside(exports[1].path)
    content = gallery_json([GalleryImage(b"png", index=7, label=1, predicted=2, probability=0.75)])
    try:
        path.write_bytes(content)
        listed, given = get(ask, "/page/networks.json", f"/page/networks/{path.name}")
        assert [entry["gallery"] for entry in listed.json()["networks"]] == [None, path.name]
        assert given.content == content and given.json()["images"][0]["predicted"] == 2
        path.write_bytes(content[:-20])
        with pytest.raises(ExportError, match=r"is damaged\. Remove it, or export again with --gallery"):
            make_app(exports)
    finally:
        path.unlink()
