"""A small network for digits, and an app that answers for it, asked without a socket."""

import asyncio
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import httpx
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "export"))  # for making exported files

from exported import export_to, make_run

from cnnlab.export import Export, load_export
from cnnlab.serving.app import make_app
from cnnlab.serving.limits import Limits

Use = Callable[[httpx.AsyncClient], Coroutine[Any, Any, Any]]


@pytest.fixture(scope="session")
def digits_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ONNX file of a network for digits of 28 x 28; its weights are random."""
    run = make_run(tmp_path_factory.mktemp("served"), "convnet_fast", is_digits=True)
    return export_to(tmp_path_factory.mktemp("exports") / "small.onnx", run)


@pytest.fixture(scope="session")
def photos_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ONNX file of a network for colour images of 32 x 32."""
    run = make_run(tmp_path_factory.mktemp("served"), "resnet20", data="cifar10")
    return export_to(tmp_path_factory.mktemp("exports") / "photos.onnx", run)


@pytest.fixture(scope="session")
def exports(digits_file: Path, photos_file: Path) -> list[Export]:
    """Both networks; that for colour images is the first."""
    return [load_export(path, threads=1) for path in (photos_file, digits_file)]


@pytest.fixture
def ask(exports: list[Export]) -> Callable[..., Any]:
    """Return a function that starts an app, lets a coroutine use a client of it, and stops it again."""

    def run(
        use: Use,
        limits: Limits | None = None,
        token: str | None = None,
        hosts: tuple[str, ...] | None = None,
    ) -> Any:
        async def talk() -> Any:
            app = make_app(exports, limits, token=token, hosts=hosts)
            transport = httpx.ASGITransport(app)
            async with (
                app.router.lifespan_context(app),
                httpx.AsyncClient(transport=transport, base_url="http://server") as client,
            ):
                return await use(client)

        return asyncio.run(talk())

    return run
