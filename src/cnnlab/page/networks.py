"""What the page is told of the networks that it may ask: `page/networks.json`."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def networks_json(
    networks: Sequence[tuple[Path, str]],
    *,
    has_runtime: bool,
    version: str,
    unexplained: Mapping[str, str] | None = None,
) -> bytes:
    """Return the list.

    Args:
        networks: the ONNX file of each, and the description that it carries, as JSON.
        has_runtime: the browser can compute by itself.
        version: of cnnlab.
        unexplained: why the server gives no maps of a network, by its name; None where there is no server.
    """
    entries: list[dict[str, Any]] = [
        {
            "name": path.stem,
            "file": path.name,
            "bytes": path.stat().st_size,
            "gallery": gallery_beside(path).name if gallery_beside(path).is_file() else None,
            "unexplained": (unexplained or {}).get(path.stem),
            "description": json.loads(description),
        }
        for path, description in networks
    ]
    has_server = unexplained is not None
    values = {"version": version, "runtime": has_runtime, "server": has_server, "networks": entries}
    return json.dumps(values, ensure_ascii=False).encode()


def gallery_beside(path: Path) -> Path:
    """Return where test images of an ONNX file lie, if there are some."""
    return path.with_name(f"{path.stem}.gallery.json")
