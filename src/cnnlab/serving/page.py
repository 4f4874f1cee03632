"""The page to draw on, at `/`: its files, the networks' list, and their files for browsers that compute."""

from collections.abc import Callable, Sequence
from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse, Response

import cnnlab
from cnnlab.page import (
    RUNTIME,
    SECURITY,
    content_type,
    gallery_beside,
    has_runtime,
    needed_runtime,
    networks_json,
    page_files,
    read_gallery,
)
from cnnlab.serving.networks import Network
from cnnlab.serving.problems import Problem

_HEADERS = SECURITY | {"Cache-Control": "no-cache"}


def open_paths() -> frozenset[str]:
    """Return what of the page needs no token: its files, which are the same everywhere, and its runtime."""
    return frozenset(
        {"/", *(f"/{name}" for name in page_files()), *(f"/page/runtime/{name}" for name in RUNTIME)}
    )


def page_router(networks: Sequence[Network]) -> APIRouter:
    """Return the routes of the page.

    Args:
        networks: the server's.

    Raises:
        ExportError: a file of test images beside a network is damaged.
    """
    router = APIRouter(include_in_schema=False)
    for name, content in page_files().items():
        path = "/" if name == "index.html" else f"/{name}"
        router.add_api_route(path, _giving(content, content_type(name)), methods=["GET"])
    exports = [network.export for network in networks]
    files = {export.path.name: (export.path, _state(export.path)) for export in exports}
    galleries = [gallery_beside(export.path) for export in exports]
    kept = {path.name: read_gallery(path) for path in galleries if path.is_file()}
    runtime = needed_runtime("serve") if has_runtime() else {}
    listed = networks_json(
        [(export.path, export.description.to_json()) for export in exports],
        has_runtime=bool(runtime),
        version=cnnlab.__version__,
        unexplained={network.name: network.unexplained for network in networks},
    )
    router.add_api_route("/page/networks.json", _giving(listed, "application/json"), methods=["GET"])

    @router.get("/page/networks/{name}")
    async def network(name: str) -> Response:
        if name in kept:
            return _answer(kept[name], "application/json")
        path, state = files.get(name, (None, None))
        if path is not None and _state(path) != state:  # it has been looked at when the server started
            raise Problem(404, f"{path.name} has gone or changed since the server started; start it again.")
        return _file(path, name)

    @router.get("/page/runtime/{name}")
    async def runtime_file(name: str) -> Response:
        return _file({path.name: path for path in runtime.values()}.get(name), name)

    return router


def _giving(content: bytes, media_type: str) -> Callable[[], object]:
    async def give() -> Response:
        return _answer(content, media_type)

    return give


def _answer(content: bytes, media_type: str) -> Response:
    return Response(content, media_type=media_type, headers=_HEADERS)


def _file(path: Path | None, name: str) -> Response:
    if path is None:
        raise Problem(404, f"There is no file {name[:80]!r}.")
    return FileResponse(path, media_type=content_type(name), headers=_HEADERS)


def _state(path: Path) -> tuple[int, int, int] | None:
    """Return what changes with a file's content; None where it is gone."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
