"""The page served, or hosted as a folder, and visited in a browser that notes what goes wrong."""

import functools
import http.server
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from cnnlab.export import load_export, timing
from cnnlab.serving import page as served_page
from cnnlab.serving.app import make_app
from cnnlab.serving.limits import Limits
from cnnlab.serving.server import open_port

api = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install playwright")
api.expect.set_options(timeout=20_000)  # milliseconds, for a machine that has other work
DIGITS, PHOTOS = "convnet_fast", "resnet20"  # titles of the networks of the fixture `site`
DESKTOP = {"width": 1280, "height": 900}

THREE = (
    [(70, 60), (120, 40), (180, 55), (195, 95), (160, 125), (115, 135)],
    [(115, 135), (170, 145), (205, 180), (190, 225), (130, 245), (70, 225)],
)
SEVEN = ([(70, 60), (205, 60), (120, 240)],)
ONE = ([(140, 45), (140, 240)],)

HEAR = """
window.heard = [];
addEventListener("DOMContentLoaded", () => {
  const said = document.getElementById("said");
  if (said) new MutationObserver(() => heard.push(said.textContent)).observe(said, { childList: true });
});
"""


def briefly(patch: pytest.MonkeyPatch) -> None:
    """Let exports take no time for measuring time."""
    patch.setattr(timing, "SECONDS", 0.0)
    patch.setattr(timing, "FEWEST", 1)


@contextmanager
def serving(
    *files: Path, limits: Limits | None = None, token: str | None = None, with_runtime: bool = True
) -> Iterator[str]:
    """Serve networks from a thread; gives the address. Pages load faster without the runtime."""
    with pytest.MonkeyPatch.context() as patch:
        if not with_runtime:
            patch.setattr(served_page, "has_runtime", lambda: False)
        app = make_app([load_export(path, threads=1) for path in files], limits, token=token)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="on"))
    with open_port("127.0.0.1", 0) as port:
        thread = threading.Thread(target=server.run, args=([port],))
        thread.start()
        try:
            yield f"http://127.0.0.1:{port.getsockname()[1]}/"
        finally:
            server.should_exit = True
            thread.join()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        pass


@contextmanager
def hosting(folder: Path) -> Iterator[str]:
    """Host a folder of files as any static host does; gives the address."""
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


class Visit:
    """A page that is open, and what went wrong on it."""

    def __init__(self, browser: Any, address: str, **options: Any) -> None:
        self.faults: list[str] = []
        self.asked: list[str] = []
        self.context = browser.new_context(**{"locale": "en-US", "viewport": DESKTOP} | options)
        self.page = self.context.new_page()
        self.page.on("console", lambda message: self.faults.append(message.text))
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.add_init_script(HEAR)
        self.page.goto(address)

    def __enter__(self) -> "Visit":
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()

    def ready(self) -> "Visit":
        """Wait until the networks that are shown are there."""
        api.expect(self.page.locator("#state")).to_contain_text(re.compile("Ready|就绪"), timeout=30_000)
        return self

    def draw(self, *strokes: list[tuple[int, int]]) -> None:
        """Draw strokes with the mouse; places are those of a square of 280."""
        canvas = self.page.locator("#canvas")
        canvas.scroll_into_view_if_needed()
        box = canvas.bounding_box()
        scale = box["width"] / 280
        for stroke in strokes:
            places = [(box["x"] + x * scale, box["y"] + y * scale) for x, y in stroke]
            self.page.mouse.move(*places[0])
            self.page.mouse.down()
            for place in places[1:]:
                self.page.mouse.move(*place, steps=3)
            self.page.mouse.up()

    def card(self, title: str) -> Any:
        """Return what is shown of a network."""
        return self.page.locator("article", has=self.page.get_by_role("heading", name=title, exact=True))

    def says(self, title: str, label: str) -> None:
        """Wait until a network answers so."""
        api.expect(self.card(title).locator(".guess strong")).to_have_text(label)

    def hears(self, pattern: str) -> None:
        """Wait until something is said to a screen reader, or has been; it soon gives way to other words."""
        end = time.monotonic() + 20
        while not any(re.search(pattern, words) for words in self.page.evaluate("heard")):
            assert time.monotonic() < end, self.page.evaluate("heard")
            self.page.wait_for_timeout(50)

    def probs(self, title: str) -> list[float]:
        """Return a network's probabilities, when what was asked before has been answered."""
        api.expect(self.page.locator("#cards")).to_have_attribute("aria-busy", "false")
        rows = self.card(title).locator(".bars li")
        return [float(value) for value in rows.evaluate_all("(rows) => rows.map((row) => row.dataset.value)")]
