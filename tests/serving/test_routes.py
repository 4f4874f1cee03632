"""Routes about the server itself; the token; counters."""

import base64
import dataclasses
import re
from pathlib import Path

import pytest

from cnnlab.cli.serve import LIMITS
from cnnlab.errors import ConfigError
from cnnlab.serving.app import make_app
from cnnlab.serving.hosts import allowed_hosts
from cnnlab.serving.limits import Limits

TOKEN = "correct horse"


def test_networks_say_what_they_are(ask, exports):
    async def use(client):
        return (await client.get("/v1/networks")).json()["networks"]

    photos, small = ask(use)
    assert photos["network"] == "resnet20" and photos["image_size"] == 32 and not photos["is_digits"]
    assert small["class_names"] == list(exports[1].class_names) and small["is_digits"]


def test_probes(ask, exports):
    async def use(client):
        return [await client.get(path) for path in ("/healthz", "/readyz")]

    assert [answer.status_code for answer in ask(use)] == [200, 200]
    assert not make_app(exports).state.is_ready


def test_other_paths_and_methods_are_problems(ask):
    async def use(client):
        return await client.get("/v1/nothing"), await client.get("/v1/predict")

    nothing, method = ask(use)
    assert nothing.status_code == 404 and "/openapi.json" in nothing.json()["detail"]
    assert method.status_code == 405 and method.headers["allow"] == "POST"
    assert method.headers["content-type"] == "application/problem+json"


def test_the_token_opens_all_but_the_probes(ask):
    given = {
        None: 401,
        TOKEN: 401,
        f"Bearer {TOKEN}": 200,
        f"bearer {TOKEN}": 200,
        f"Bearer {TOKEN} ": 401,
        f"bearer {TOKEN}x": 401,
        "Bearer \xff": 401,
        "Bearer ": 401,
    }

    async def use(client):
        open_ones = [await client.get(path) for path in ("/healthz", "/readyz")]
        guarded = []
        for value in given:
            headers = {} if value is None else {"authorization": value.encode("latin-1")}
            guarded.append(await client.get("/v1/networks", headers=headers))
        others = [await client.get(path) for path in ("/metrics", "/openapi.json", "/nothing")]
        return open_ones, guarded, others

    open_ones, guarded, others = ask(use, token=TOKEN)
    assert all(answer.status_code == 200 for answer in open_ones)
    assert [answer.status_code for answer in guarded] == list(given.values())
    assert all(answer.status_code == 401 for answer in others)
    assert guarded[0].headers["www-authenticate"] == "Bearer"
    assert guarded[0].json()["field"] == "Authorization"


def test_a_header_alone_can_be_asked_for(ask):
    async def use(client):
        return [await client.head(path) for path in ("/healthz", "/", "/v1/predict", "/nothing")]

    assert [answer.status_code for answer in ask(use)] == [200, 200, 405, 404]


def test_a_browser_reads_the_reference_with_the_token_as_its_password(ask):
    def basic(pair: str) -> str:
        return f"Basic {base64.b64encode(pair.encode()).decode()}"

    given = {
        basic(f"anyone:{TOKEN}"): 200,
        basic(f":{TOKEN}"): 200,
        basic(f"{TOKEN}:"): 401,
        basic(f"{TOKEN}"): 401,
        basic(":"): 401,
        f"Basic {TOKEN}": 401,
        "Basic \xff": 401,
        basic(f":{TOKEN}").removeprefix("Basic "): 401,
    }

    async def use(client):
        async def get(path, value=""):
            return await client.get(path, headers={"authorization": value.encode("latin-1")} if value else {})

        asked = [await get("/docs"), await get("/openapi.json"), await get("/v1/networks")]
        pages = [await get("/docs", value) for value in given]
        return asked, pages, await get("/v1/networks", basic(f":{TOKEN}"))

    asked, pages, elsewhere = ask(use, token=TOKEN)
    assert [answer.status_code for answer in (*asked, elsewhere)] == [401] * 4
    challenges = [answer.headers["www-authenticate"] for answer in asked]
    assert ["Basic" in challenge for challenge in challenges] == [True, True, False]
    assert [answer.status_code for answer in pages] == list(given.values())


def test_on_loopback_only_its_names_are_answered_to(ask):
    given = {
        "localhost": 200,
        "LOCALHOST.:8000": 200,
        "127.0.0.1:8000": 200,
        "[::1]:8000": 200,
        "Lab.example.org:8000": 200,
        "evil.example.org": 421,
        "127.0.0.1.evil.example.org": 421,
        "localhost:8000:9": 421,
        "[::1": 421,
        "": 421,
    }

    async def use(client):
        return [await client.get("/healthz", headers={"host": value}) for value in given]

    answers = ask(use, hosts=allowed_hosts("127.0.0.1", ["lab.example.org"]))
    assert [answer.status_code for answer in answers] == list(given.values())
    assert answers[5].json()["field"] == "Host" and "--allow-host" in answers[5].json()["detail"]


def test_names_are_asked_for_on_loopback_or_where_some_are_given():
    assert allowed_hosts("0.0.0.0") is None and allowed_hosts("192.168.1.2") is None
    assert "lab" in allowed_hosts("0.0.0.0", ["lab"])
    assert allowed_hosts("127.0.0.5") == ("127.0.0.1", "127.0.0.5", "[::1]", "localhost")
    for name in ("http://lab", "lab:80", "", "a b", "-"):
        with pytest.raises(ConfigError, match="--allow-host: must be a name"):
            allowed_hosts("127.0.0.1", [name])


def test_limits_are_numbers_with_a_name():
    assert Limits.from_texts(["images=8", "body_seconds=2.5", "images=9"]) == Limits(
        images=9, body_seconds=2.5
    )
    for text, line in {
        "images": "takes NAME=VALUE",
        "image=8": "there is no limit 'image'. Did you mean 'images'",
        "images=8.5": "images: must be a whole number. Received: '8.5'",
        "images=-1": "images: must be above 0, and at most 1,000,000,000,000. Received: -1.",
        "stop_seconds=1" + "0" * 400: "stop_seconds: must be above 0",
        "body_seconds=nan": "body_seconds: must be above 0",
        "queue=31": "images: must be at most queue, 31",
    }.items():
        with pytest.raises(ConfigError, match=f"^--limit: {re.escape(line)}"):
            Limits.from_texts([text])
    names = [field.name for field in dataclasses.fields(Limits)]
    assert LIMITS.removesuffix(".").removeprefix("Names: ").split(", ") == names


def test_metrics_count_requests_by_route(ask):
    async def use(client):
        for path in ("/healthz", "/healthz", "/made/up", "/made/up/too"):
            await client.get(path)
        return (await client.get("/metrics")).text

    lines = ask(use).splitlines()
    assert 'cnnlab_requests_total{route="/healthz",status="200"} 2.0' in lines
    assert 'cnnlab_requests_total{route="other",status="404"} 2.0' in lines
    assert 'cnnlab_pending_images{network="photos"} 0.0' in lines


def test_the_page_of_the_docs_has_the_limits_as_they_are():
    page = (Path(__file__).parents[2] / "docs" / "serve.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \|", page, re.MULTILINE)
    assert dict(rows) == {name: str(value) for name, value in dataclasses.asdict(Limits()).items()}
