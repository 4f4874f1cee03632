"""The page for people: all routes, commands that work, nothing from elsewhere; at phone width."""

import html
import json
import re
import shlex
from html.parser import HTMLParser

import pytest

from cnnlab.errors import MissingResourceError
from cnnlab.reporting.report import find_browser

VOID = {"meta"}


class Checker(HTMLParser):
    """Notes what is open, what is loaded, and where links inside the page lead."""

    def __init__(self):
        super().__init__()
        self.open, self.loaded, self.links, self.ids = [], [], [], set()

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.open += [] if tag in VOID else [tag]
        self.loaded += [(tag, name) for name in attrs if name in ("src", "srcset", "style")]
        self.loaded += [tag] if tag in ("script", "link", "img", "iframe") else []
        self.links += [attrs["href"]] if tag == "a" else []
        self.ids |= {attrs["id"]} if "id" in attrs else set()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def page_and_document(ask, **settings):
    async def use(client):
        headers = {"authorization": f"Bearer {settings['token']}"} if settings else {}
        page = await client.get("/docs", headers=headers)
        return page, (await client.get("/openapi.json", headers=headers)).json(), client

    return ask(use, **settings)


def test_the_page_has_every_route_and_loads_nothing(ask):
    page, document, _client = page_and_document(ask)
    assert page.status_code == 200 and page.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    checker = Checker()
    checker.feed(page.text)
    assert not checker.open and not checker.loaded and "url(" not in page.text and "@import" not in page.text
    inside = [link[1:] for link in checker.links if link.startswith("#")]
    assert len(inside) == len(document["paths"]) and set(inside) == checker.ids
    assert [link for link in checker.links if not link.startswith("#")] == ["openapi.json"]
    for path in document["paths"]:
        assert f"<code>{path}</code>" in page.text
    assert "Bearer" not in page.text
    assert "Bearer TOKEN" in page_and_document(ask, token="x" * 20)[0].text


def test_the_document_says_which_routes_need_the_token(ask):
    _page, document, _client = page_and_document(ask)
    assert "securitySchemes" not in document.get("components", {})
    _page, document, _client = page_and_document(ask, token="x" * 20)
    assert document["components"]["securitySchemes"] == {"token": {"type": "http", "scheme": "bearer"}}
    for path, routes in document["paths"].items():
        for route in routes.values():
            assert route.get("security") == (None if path in ("/healthz", "/readyz") else [{"token": []}])


def test_its_commands_are_answered(ask):
    page, _document, _client = page_and_document(ask)
    commands = [
        shlex.split(command, comments=True)
        for block in re.findall(r"<h3>Ask</h3><pre>(.*?)</pre>", page.text, re.DOTALL)
        for command in html.unescape(block).split("\n\n")
    ]
    with_json = [words for words in commands if "--data" in words and "predict" in words[1]]
    assert len(commands) == 12 and len(with_json) == 2 and all(words[0] == "curl" for words in commands)

    async def use(client):
        return [
            await client.post(words[1], json=json.loads(words[words.index("--data") + 1]))
            for words in with_json
        ] + [await client.get(words[1]) for words in commands if len(words) == 2]

    answers = ask(use)
    assert len(answers) == 6 and all(answer.status_code == 200 for answer in answers)


@pytest.mark.slow
def test_it_fits_a_phone_in_both_colours(ask, tmp_path):
    browsers = pytest.importorskip("playwright.sync_api")
    try:
        program = find_browser()
    except MissingResourceError as error:
        pytest.skip(str(error))
    page, _document, _client = page_and_document(ask)
    file = tmp_path / "docs.html"
    file.write_text(page.text)
    with browsers.sync_playwright() as player:
        browser = player.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for scheme, mark in (("light", "rgb(179, 71, 0)"), ("dark", "rgb(255, 162, 100)")):
            view = browser.new_page(viewport={"width": 360, "height": 740}, color_scheme=scheme, offline=True)
            view.goto(file.as_uri())
            assert view.evaluate("document.documentElement.scrollWidth") <= 360
            assert view.evaluate("getComputedStyle(document.querySelector('a')).color") == mark
            view.screenshot(path=tmp_path / f"{scheme}.png", full_page=True)
        browser.close()
