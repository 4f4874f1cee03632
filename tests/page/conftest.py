"""Networks for the page, the page served and as a static folder, and a browser that notes what goes wrong."""

import functools
import http.server
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn

sys.path.insert(0, str(Path(__file__).parents[1] / "export"))  # for making exported files

from exported import export_to, make_run

from cnnlab import lab
from cnnlab.errors import MissingResourceError
from cnnlab.evaluation import load_run
from cnnlab.export import load_export, timing
from cnnlab.page import has_runtime
from cnnlab.reporting.report import find_browser
from cnnlab.serving import page as served_page
from cnnlab.serving.app import make_app
from cnnlab.serving.server import open_port

api = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install playwright")

DESKTOP = {"width": 1280, "height": 900}


@pytest.fixture
def runtime() -> None:
    """Skip the test where the browser has nothing to compute with."""
    if not has_runtime():
        pytest.skip("needs ONNX Runtime Web: make page-runtime")


@pytest.fixture(scope="session")
def digits_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run on the bundled digits, which makes mistakes."""
    out = tmp_path_factory.mktemp("page-digits")
    return Path(lab.train("convnet_fast", data="digits", steps=30, out=out, threads=1))


@pytest.fixture(scope="session")
def site(digits_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of exported networks: for digits, with its gallery, and for colour, of random weights."""
    out = tmp_path_factory.mktemp("page-networks")
    with pytest.MonkeyPatch.context() as patch:
        briefly(patch)
        (row,) = lab.export(digits_run, gallery=True, out=out, threads=1).rows
    assert row.path is not None
    row.path.rename(out / "digits.onnx")
    (out / f"{row.path.stem}.gallery.json").rename(out / "digits.gallery.json")
    export_to(
        out / "photos.onnx", make_run(tmp_path_factory.mktemp("page-photos"), "resnet20", data="cifar10")
    )
    return out


@pytest.fixture(scope="session")
def mnist_file(shared_data: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ONNX file of a network that knows digits drawn by hand, trained for some seconds."""
    root = shared_data("mnist")
    run = lab.train(
        "mnist-99", steps=60, out=tmp_path_factory.mktemp("page-mnist"), threads=1, root=root, test=False
    )
    return export_to(tmp_path_factory.mktemp("page-mnist") / "mnist.onnx", load_run(run))


def briefly(patch: pytest.MonkeyPatch) -> None:
    """Let exports take no time for measuring time."""
    patch.setattr(timing, "SECONDS", 0.0)
    patch.setattr(timing, "FEWEST", 1)


@contextmanager
def serving(*files: Path, token: str | None = None, with_runtime: bool = True) -> Iterator[str]:
    """Serve networks from a thread; gives the address. Pages load faster without the runtime."""
    with pytest.MonkeyPatch.context() as patch:
        if not with_runtime:
            patch.setattr(served_page, "has_runtime", lambda: False)
        app = make_app([load_export(path, threads=1) for path in files], token=token)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="on"))
    with open_port("127.0.0.1", 0) as port:
        thread = threading.Thread(target=server.run, args=([port],))
        thread.start()
        try:
            yield f"http://127.0.0.1:{port.getsockname()[1]}/"
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture(scope="session")
def answering(site: Path) -> Iterator[str]:
    """The address of a server whose page has nothing to compute with, as in a fresh checkout."""
    with serving(site / "digits.onnx", site / "photos.onnx", with_runtime=False) as address:
        yield address


@pytest.fixture(scope="session")
def computing(site: Path) -> Iterator[str]:
    """The address of a server whose page computes."""
    if not has_runtime():
        pytest.skip("needs ONNX Runtime Web: make page-runtime")
    with serving(site / "digits.onnx", site / "photos.onnx") as address:
        yield address


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


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    try:
        path = find_browser()
    except MissingResourceError as error:
        pytest.skip(str(error))
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


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

    def probs(self, title: str) -> list[float]:
        """Return a network's probabilities, when what was asked before has been answered."""
        api.expect(self.page.locator("#cards")).to_have_attribute("aria-busy", "false")
        rows = self.card(title).locator(".bars li")
        return [float(value) for value in rows.evaluate_all("(rows) => rows.map((row) => row.dataset.value)")]


@pytest.fixture
def visit(browser: Any) -> Iterator[Any]:
    """A function that opens an address in a fresh context; nothing may go wrong there."""
    visits: list[Visit] = []

    def open_page(address: str, **options: Any) -> Visit:
        visits.append(Visit(browser, address, **options))
        return visits[-1]

    yield open_page
    for one in visits:
        one.context.close()
        assert one.faults == []
